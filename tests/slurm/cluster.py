"""A SLURM cluster of one node, this machine: Debian's packages, started by hand and taken down again.

Everything it writes lies in a folder of its own, which SLURM_CONF points at; /etc is left alone.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

PACKAGES = ("slurm-wlm", "munge")
DAEMONS = ("munged", "slurmctld", "slurmd")
PATIENCE = 60.0  # seconds, for daemons to answer

# low gives way to high: its jobs are killed and queued again. No control groups: containers seldom allow them.
CONFIGURATION = """\
ClusterName=trickbag
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort=16817
SlurmdPort=16818
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CryptoType=crypto/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
SchedulerParameters=sched_min_interval=200000,sched_interval=2,bf_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
KillWait=20
MinJobAge=7200
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=low Nodes={host} Default=YES PriorityTier=1 PreemptMode=REQUEUE MaxTime=60 State=UP
PartitionName=high Nodes={host} PriorityTier=10 PreemptMode=OFF MaxTime=60 State=UP
"""


def install() -> None:
    """Install what is missing; RuntimeError where that is not permitted."""
    if all(shutil.which(name) for name in (*DAEMONS, "sbatch")):
        return
    if os.geteuid() != 0:
        raise RuntimeError(f"root is needed to install {' '.join(PACKAGES)} and to start their daemons")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], check=True, env=environment)
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *PACKAGES]
    subprocess.run(command, check=True, env=environment)


class Cluster:
    """The daemons in `folder`; use as a context, within which SLURM's commands find them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._daemons: list[subprocess.Popen[bytes]] = []
        self._before = os.environ.get("SLURM_CONF")

    def __enter__(self) -> "Cluster":
        if os.geteuid() != 0:
            raise RuntimeError("root is needed to start SLURM's daemons")
        host, folder = socket.gethostname().split(".")[0], self.folder
        for name in ("state", "spool"):
            (folder / name).mkdir()
        (folder / "munge.key").write_bytes(os.urandom(128))
        (folder / "munge.key").chmod(0o400)
        text = CONFIGURATION.format(host=host, folder=folder, cpus=os.cpu_count())
        (folder / "slurm.conf").write_text(text)
        os.environ["SLURM_CONF"] = str(folder / "slurm.conf")
        try:
            self._start_daemons()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start_daemons(self) -> None:
        """munged, then the controller, then the node; each in the foreground, as a child of ours."""
        names = {"key-file": "key", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        files = [f"--{option}={self.folder}/munge.{ending}" for option, ending in names.items()]
        self._start("munged", "--foreground", "--force", f"--socket={self.folder}/munge.socket", *files)
        wait_for(lambda: (self.folder / "munge.socket").exists(), "munged's socket")
        self._start("slurmctld", "-D")
        wait_for(lambda: run("scontrol", "ping", check=False).count("is UP") == 1, "slurmctld")
        self._start("slurmd", "-D")
        wait_for(lambda: run("sinfo", "-h", "-p", "low", "-o", "%t", check=False).strip() == "idle", "slurmd")

    def _start(self, *command: str) -> None:
        """Start a daemon; what it says on the terminal goes to a file beside its own log."""
        with (self.folder / f"{command[0]}.out").open("wb") as out:
            self._daemons.append(subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT))

    def __exit__(self, *error: object) -> None:
        """Cancel what runs and end the daemons, the last started first."""
        if len(self._daemons) == len(DAEMONS):
            run("scancel", "--user=root", check=False)
            wait_for(lambda: not run("squeue", "-h", check=False).strip(), "the last jobs' end")
        for daemon in reversed(self._daemons):
            daemon.terminate()
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        if self._before is None:
            os.environ.pop("SLURM_CONF", None)
        else:
            os.environ["SLURM_CONF"] = self._before


def run(*command: str, check: bool = True) -> str:
    """What a command of SLURM prints."""
    return subprocess.run(command, check=check, capture_output=True, text=True).stdout


def wait_for(true: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """Wait until `true()`; TimeoutError naming `what` after so many seconds."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: waited for {seconds:g} s in vain")
        time.sleep(0.2)
