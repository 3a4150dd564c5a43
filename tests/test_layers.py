import subprocess
import sys
from pathlib import Path


def test_every_import_obeys_the_layers_of_pyproject():
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    root = Path(__file__).parents[1]
    ran = subprocess.run([sys.executable, "-c", code, "--no-cache"], cwd=root, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "0 broken" in ran.stdout
