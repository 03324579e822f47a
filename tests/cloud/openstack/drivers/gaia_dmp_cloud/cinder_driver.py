"""A back end that plays: volumes are rows of Cinder's database, and no byte is kept."""

from cinder.volume.driver import BaseVD


class Driver(BaseVD):
    VERSION = "1"

    def check_for_setup_error(self):
        pass

    def get_volume_stats(self, refresh=False):
        room = {"total_capacity_gb": 100000, "free_capacity_gb": 100000}
        return room | {"volume_backend_name": "disks", "vendor_name": "gaia-dmp", "driver_version": "1", "storage_protocol": "fake"}

    def create_volume(self, volume):
        pass

    def delete_volume(self, volume):
        pass

    def extend_volume(self, volume, new_size):
        pass

    def ensure_export(self, context, volume):
        pass

    def create_export(self, context, volume, connector):
        pass

    def remove_export(self, context, volume):
        pass

    def initialize_connection(self, volume, connector):
        return {"driver_volume_type": "fake", "data": {"volume_id": volume.id}}

    def terminate_connection(self, volume, connector, **kwargs):
        pass
