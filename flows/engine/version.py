"""An outdated worker refuses the runs of a newer deployment, with one clear line.

A deployment passes its version to each run as VMT_DEPLOYED_VERSION. A worker of 0.1.0 does not know
that setting and refuses the run as well, because it refuses unknown settings: "environment variable
VMT_DEPLOYED_VERSION is not a setting of VMT".
"""

from packaging.version import Version

from vmt import __version__
from vmt.errors import SettingsError
from vmt.settings import Settings


def require_current_worker(settings: Settings, running: str = __version__) -> None:
    """Check that this code is not older than the deployment of its run.

    Args:
        settings: of the environment, with the version of the deployment if there is one.
        running: version of this code.

    Raises:
        SettingsError: if the deployment is newer.
    """
    deployed = settings.deployed_version
    if deployed is not None and Version(running) < Version(deployed):
        raise SettingsError(
            f"this worker runs VMT {running}, and VMT {deployed} deployed the flow; update the "
            "checkout of the worker, run `make setup`, and start the worker again"
        )
