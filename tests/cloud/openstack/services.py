"""The OpenStack services of the tests: what each is called, how it is configured, how its database is made.

The pitfalls behind these settings are in the deployment guides of each service and in docs/testing.md.
"""

import configparser
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.cloud import ceph

HOST = "127.0.0.1"
REGION = "local"
PASSWORD = "pw"  # of every user of a cloud that only this machine reaches, for as long as a test runs
DRIVER_NAME = "k8s_capi_helm_v1"


@dataclass(frozen=True)
class Service:
    """One OpenStack service.

    name: as its launcher knows it. type: its type in the catalogue. path: what follows host and port in its endpoint.
    config: name of its configuration file. migrations: commands that make its database, without the program's folder; none where it
    has no database.
    """

    name: str
    type: str
    path: str
    config: str
    migrations: tuple[str, ...]


SERVICES = (
    Service("keystone", "identity", "/v3", "keystone.conf", ("keystone-manage --config-file {conf} db_sync",)),
    Service("neutron", "network", "", "neutron.conf", ("neutron-db-manage --config-file {conf} upgrade heads",)),
    Service("placement", "placement", "", "placement.conf", ("placement-manage --config-file {conf} db sync",)),
    Service(
        "nova",
        "compute",
        "/v2.1",
        "nova.conf",
        (
            "nova-manage --config-file {conf} api_db sync",
            # A template: the port is another one each time.
            "nova-manage --config-file {conf} cell_v2 map_cell0 --database_connection "
            "{{scheme}}://{{username}}@{{hostname}}:{{port}}/nova_cell0?charset=utf8",
            "nova-manage --config-file {conf} cell_v2 create_cell --name cell1 --transport-url fake:// --database_connection "
            "{{scheme}}://{{username}}@{{hostname}}:{{port}}/nova?charset=utf8",
            "nova-manage --config-file {conf} db sync",
        ),
    ),
    Service("glance", "image", "", "glance-api.conf", ("glance-manage --config-file {conf} db_sync",)),
    Service("cinder", "volumev3", "/v3/%(project_id)s", "cinder.conf", ("cinder-manage --config-file {conf} db sync",)),
    Service("manila", "sharev2", "/v2", "manila.conf", ("manila-manage --config-file {conf} db sync",)),
    Service("magnum", "container-infra", "/v1", "magnum.conf", ("magnum-db-manage --config-file {conf} upgrade",)),
    Service("octavia", "load-balancer", "", "octavia.conf", ("octavia-db-manage --config-file {conf} upgrade head",)),
    Service("swift", "object-store", "/v1/AUTH_%(project_id)s", "swift/proxy-server.conf", ()),
)
DATABASES = (*(service.name for service in SERVICES if service.migrations), "nova_api", "nova_cell0")


def url(service: Service, ports: Mapping[str, int]) -> str:
    """Endpoint of a service."""
    return f"http://{HOST}:{ports[service.name]}{service.path}"


def configurations(folder: Path, etc: Path, ports: Mapping[str, int]) -> dict[str, str]:
    """Every configuration file, by name. folder: state of the cloud. etc: where the wheels put their paste files."""
    keystone = f"http://{HOST}:{ports['keystone']}/v3"

    def database(name: str) -> dict[str, str]:
        return {"connection": f"mysql+pymysql://root@{HOST}:{ports['mariadb']}/{name}?charset=utf8"}

    def user(name: str) -> dict[str, str]:
        return {
            "www_authenticate_uri": keystone,
            "auth_url": keystone,
            "auth_type": "password",
            "username": name,
            "password": PASSWORD,
            "project_name": "service",
            "user_domain_name": "Default",
            "project_domain_name": "Default",
        }

    def common(name: str) -> dict[str, dict[str, str]]:
        # Each service is one process, so messages need not leave it.
        return {
            "DEFAULT": {"transport_url": "fake://", "state_path": str(folder / name), "host": "local"},
            "database": database(name),
            "keystone_authtoken": user(name),
            "oslo_concurrency": {"lock_path": str(folder / name / "lock")},
        }

    files: dict[str, dict[str, dict[str, str]]] = {
        "keystone.conf": {
            "database": database("keystone"),
            "token": {"provider": "fernet", "expiration": "36000"},
            "fernet_tokens": {"key_repository": str(folder / "fernet")},
            "credential": {"key_repository": str(folder / "credential")},
            # The least that there is: with the usual 12 each login costs half a second of processor, and tests log in all the time.
            "identity": {"password_hash_rounds": "4"},
            # It is one process, so it may remember what it has told: to look at a token anew takes it twenty questions to the database.
            "cache": {"enabled": "True", "backend": "dogpile.cache.memory"},
        },
        "neutron.conf": common("neutron")
        | {
            "ml2": {
                "type_drivers": "local,flat",
                "tenant_network_types": "local",
                "mechanism_drivers": "gaia_dmp",
                "extension_drivers": "",
            },
            "ml2_type_flat": {"flat_networks": "*"},
            "quotas": {f"quota_{name}": "100" for name in ("network", "subnet", "port", "router", "floatingip", "security_group")},
        },
        "nova.conf": common("nova")
        | {
            "api": {"auth_strategy": "keystone"},
            "wsgi": {"api_paste_config": str(etc / "nova" / "api-paste.ini")},
            "api_database": database("nova_api"),
            "quota": {"driver": "nova.quota.DbQuotaDriver", "cores": "400", "instances": "60", "ram": "1600000"},
            "neutron": user("nova"),
            "placement": user("nova"),
            "cinder": user("nova"),
            # Without it Cinder lets nobody detach what a server uses.
            "service_user": user("nova") | {"send_service_user_token": "True"},
        },
        "placement.conf": {
            "placement_database": database("placement"),
            "keystone_authtoken": user("placement"),
            "api": {"auth_strategy": "keystone"},
        },
        "cinder.conf": common("cinder")
        | {
            "disks": {"volume_driver": "gaia_dmp_cloud.cinder_driver.Driver", "volume_backend_name": "disks"},
        },
        "glance-api.conf": common("glance")
        | {
            "glance_store": {"default_backend": "files"},
            "files": {"filesystem_store_datadir": str(folder / "images")},
            "paste_deploy": {"flavor": "keystone", "config_file": str(etc / "glance" / "glance-api-paste.ini")},
        },
        "manila.conf": common("manila")
        | {
            # The share manager registers `auth_url` in this section as well, and differently: in one process its user stands elsewhere.
            # By its type rules of application credentials know the service.
            "keystone_authtoken": {"auth_section": "api_user", "service_type": "sharev2"},
            "api_user": user("manila"),
            "ceph": {
                "share_driver": "manila.share.drivers.cephfs.driver.CephFSDriver",
                "share_backend_name": "ceph",
                "driver_handles_share_servers": "False",
                "cephfs_protocol_helper_type": "CEPHFS",
                "cephfs_cluster_name": "ceph",
                "cephfs_conf_path": str(folder / "ceph" / "ceph.conf"),
                "cephfs_auth_id": ceph.MANILA,
                "cephfs_filesystem_name": ceph.FILE_SYSTEM,
                # Another value makes Manila look at its shares anew: their export locations name a monitor that has moved.
                "cephfs_ensure_all_shares_salt": str(ports["ceph-mon"]),
                # Quotas are promises, and the disk behind them is small.
                "max_over_subscription_ratio": "1000",
            },
        },
        "magnum.conf": common("magnum")
        | {
            "api": {"api_paste_config": str(etc / "magnum" / "api-paste.ini")},
            "certificates": {"cert_manager_type": "x509keypair"},
            "drivers": {"default_driver": DRIVER_NAME},
            "trust": {"cluster_user_trust": "False"},
            "cluster_template": {"kubernetes_allowed_network_drivers": "calico,cilium,flannel"},
            "keystone_auth": user("magnum"),
        },
        "octavia.conf": common("octavia")
        | {"api_settings": {"enabled_provider_drivers": "amphora: the one that there is"}, "service_auth": user("octavia")},
    }
    files |= _swift(folder / "swift", keystone, user("swift"))
    files["neutron.conf"]["DEFAULT"] |= {
        "api_paste_config": str(etc / "neutron" / "api-paste.ini"),
        "core_plugin": "ml2",
        "service_plugins": "router",
        "rpc_workers": "0",
        "notify_nova_on_port_status_changes": "False",
        "notify_nova_on_port_data_changes": "False",
    }
    files["nova.conf"]["DEFAULT"] |= {"compute_driver": "fake.FakeDriver"}
    files["cinder.conf"]["DEFAULT"] |= {
        "api_paste_config": str(etc / "cinder" / "api-paste.ini"),
        "auth_strategy": "keystone",
        "enabled_backends": "disks",
        "quota_volumes": "60",
        "quota_gigabytes": "20000",
        # The back end starts after the scheduler, which would wait a minute for it.
        "scheduler_driver_init_wait_time": "1",
    }
    files["glance-api.conf"]["DEFAULT"] |= {"enabled_backends": "files:file"}
    files["manila.conf"]["DEFAULT"] |= {
        "api_paste_config": str(etc / "manila" / "api-paste.ini"),
        "enabled_share_protocols": "CEPHFS",
        "enabled_share_backends": "ceph",
        "default_share_type": "",
    }
    files["magnum.conf"]["keystone_authtoken"]["auth_version"] = "v3"
    return {name: _ini(sections) for name, sections in files.items()}


def _swift(folder: Path, keystone: str, user: Mapping[str, str]) -> dict[str, dict[str, dict[str, str]]]:
    """Swift's files. Whoever is a member of a project may do everything in its account; a reader may do what a container's list says."""
    login = {key: value for key, value in user.items() if key != "www_authenticate_uri"}
    pipeline = "catch_errors healthcheck listing_formats authtoken s3api s3token keystoneauth copy bulk slo dlo proxy-server"
    filters = {f"filter:{name}": {"use": f"egg:swift#{name}"} for name in pipeline.split()[:-1] if name not in ("authtoken", "s3token")}
    proxy = filters | {
        "DEFAULT": {"swift_dir": str(folder), "log_level": "WARNING"},
        "pipeline:main": {"pipeline": pipeline},
        "app:proxy-server": {"use": "egg:swift#proxy", "account_autocreate": "true"},
        "filter:s3token": {"use": "egg:swift#s3token", "auth_uri": keystone, "delay_auth_decision": "true", **login},
        "filter:authtoken": {"paste.filter_factory": "keystonemiddleware.auth_token:filter_factory", "delay_auth_decision": "true", **user},
    }
    proxy["filter:keystoneauth"] |= {"operator_roles": "admin, member"}
    proxy["filter:s3api"] |= {"location": REGION}
    storage = {
        f"swift/{name}-server.conf": {
            "DEFAULT": {"swift_dir": str(folder), "devices": str(folder / "disks"), "mount_check": "false", "log_level": "WARNING"}
            | {"disable_fallocate": "true"},
            "pipeline:main": {"pipeline": f"{name}-server"},
            f"app:{name}-server": {"use": f"egg:swift#{name}"},
        }
        for name in ("account", "container", "object")
    }
    common = {"swift-hash": {"swift_hash_path_prefix": "gaia", "swift_hash_path_suffix": "dmp"}, "storage-policy:0": {"name": "one"}}
    return {"swift/swift.conf": common, "swift/proxy-server.conf": proxy, **storage}


def _ini(sections: Mapping[str, Mapping[str, str]]) -> str:
    parser = configparser.RawConfigParser()
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_dict(sections)
    text = io.StringIO()
    parser.write(text)
    return text.getvalue()
