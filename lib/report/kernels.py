"""The kernel of a page: IPython in a process of its own, of this Python.

Where a process makes many pages, their kernels are forked from one that has imported what pages
import: this would take as long for each as the page itself.
"""

import ast
import multiprocessing
import os
import tempfile
import threading
import uuid

from jupyter_client import AsyncKernelManager
from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.provisioning import LocalProvisioner
from nbformat import NotebookNode

from lib import processes

FORKS = multiprocessing.get_context("forkserver")
INLINE = "module://matplotlib_inline.backend_inline"  # IPython's way of showing figures


class OwnKernel(AsyncKernelManager):
    """A kernel in this Python, independent of the kernels installed as python3.

    It is spoken to by files, not by ports of TCP: of pages that start at the same time, one might
    take the port that another had found free.
    """

    def __init__(self, **options):
        name = os.path.join(tempfile.gettempdir(), f"kernel-{uuid.uuid4().hex[:12]}.json")
        super().__init__(transport="ipc", connection_file=name, **options)

    def _kernel_spec_manager_default(self) -> KernelSpecManager:
        return KernelSpecManager(kernel_dirs=[])

    async def _async_interrupt_kernel(self) -> None:
        if not self.shutting_down:  # a kernel that is asked to end would print the interruption
            await super()._async_interrupt_kernel()


class ForkedKernel(OwnKernel):
    """The same, forked from a process that has imported what `import_first` names."""

    def __init__(self, **options):
        super().__init__(**options)
        self.provisioner = _Fork(parent=self, kernel_spec=self.kernel_spec)


def import_first(notebook: NotebookNode) -> None:
    """Have the modules that a notebook imports imported once, before kernels are forked.

    It has an effect before the first kernel of this process alone. None of the modules may start
    threads, which do not survive a fork, as TensorFlow does.
    """
    os.environ.setdefault("MPLBACKEND", INLINE)  # as IPython does before notebooks import anything
    always = [__name__, "ipykernel.kernelapp", INLINE.removeprefix("module://")]
    FORKS.set_forkserver_preload([*always, *modules(notebook)])


def modules(notebook: NotebookNode) -> list[str]:
    """Return the names of what the code cells of a notebook import."""
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    imports = [
        node for node in ast.parse(code).body if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    return [
        f"{node.module}.{name.name}" if isinstance(node, ast.ImportFrom) else name.name
        for node in imports
        for name in node.names
    ]


class _Fork(LocalProvisioner):
    """Starts a kernel as a fork."""

    async def launch_kernel(self, cmd: list[str], **options) -> KernelConnectionInfo:
        """Start a kernel with the arguments of a command, python -m ipykernel_launcher ..."""
        self.cwd = options.get("cwd", os.getcwd())
        self.process = _Process(target=_be_kernel, args=(cmd[3:], options["env"], self.cwd))
        self.process.start()
        self.pid = self.process.pid
        return self.connection_info


class _Process(FORKS.Process):  # type: ignore[name-defined]
    """A process with the interface of `subprocess.Popen`."""

    stdin = stdout = stderr = None

    def poll(self) -> int | None:
        return self.exitcode

    def wait(self) -> int | None:
        self.join()
        return self.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)


def _be_kernel(arguments: list[str], environment: dict[str, str], folder: str) -> None:
    """Run a kernel in this process, which is a group of its own and ends with its parent."""
    from ipykernel.kernelapp import launch_new_instance

    threading.Thread(target=processes._end_with_parent, daemon=True).start()
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    launch_new_instance(argv=[*arguments, f"--IPKernelApp.parent_handle={os.getppid()}"])
