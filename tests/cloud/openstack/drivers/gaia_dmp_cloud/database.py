"""The databases of the services: `python -m gaia_dmp_cloud.database PORT`, with what to do as JSON on standard input."""

import json
import sys

import pymysql


def main():
    wanted = json.load(sys.stdin)
    connection = pymysql.connect(host="127.0.0.1", port=int(sys.argv[1]), user="root", autocommit=True)
    with connection, connection.cursor() as cursor:
        for name in wanted.get("create", []):
            cursor.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8")
        for service, url in wanted.get("endpoints", {}).items():
            cursor.execute(
                "UPDATE keystone.endpoint e JOIN keystone.service s ON e.service_id = s.id SET e.url = %s WHERE s.type = %s", (url, service)
            )


if __name__ == "__main__":
    main()
