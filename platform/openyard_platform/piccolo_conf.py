"""Where Piccolo looks for the engine and the migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig, AppRegistry

from openyard_platform.store.engine import DB

__all__ = ["APP_CONFIG", "APP_REGISTRY", "DB"]

APP_CONFIG = AppConfig(
    app_name="openyard",
    migrations_folder_path=str(Path(__file__).parent / "store" / "migrations"),
    table_classes=[],
    migration_dependencies=[],
    commands=[],
)
APP_REGISTRY = AppRegistry(apps=["openyard_platform.piccolo_conf"])
