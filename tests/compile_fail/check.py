# Compiles one file twice: as it should be used (must compile) and misused (must fail, with the message expected).
import re
import subprocess
import sys

source, command = sys.argv[1], sys.argv[2:]
with open(source, encoding="utf-8") as f:
    expected = re.search(r"^// expect: (.+)$", f.read(), re.M)
if not expected:
    sys.exit(f"{source}: no `// expect:` line")


def compile_with(misuse):
    return subprocess.run([*command, f"-DBURIN_MISUSE={misuse}", source], capture_output=True, text=True)


good = compile_with(0)
if good.returncode != 0:
    sys.exit(f"{source}: the right use does not compile:\n{good.stderr}")
bad = compile_with(1)
if bad.returncode == 0:
    sys.exit(f"{source}: the misuse compiles")
if not re.search(expected.group(1), bad.stderr):
    sys.exit(f"{source}: the message lacks `{expected.group(1)}`:\n{bad.stderr}")
