# Says which interpreter this is and which files it needs, as one line of JSON.
import json
import os
import sys
import sysconfig

# Loads what their native parts need, so that the map of this process names it.
for name in ("_bz2", "_ctypes", "_decimal", "_hashlib", "_lzma", "_random", "_sqlite3", "_ssl", "_uuid", "zlib"):
    try:
        __import__(name)
    except ImportError:
        pass

try:
    with open("/proc/self/maps") as lines:
        mapped = sorted({line.split(None, 5)[5].strip() for line in lines if line.count("/")})
except OSError:
    mapped = []

paths = sysconfig.get_paths()
library = [paths["stdlib"], paths["platstdlib"]] + [entry for entry in sys.path if entry]
print(
    json.dumps(
        {
            "executable": os.path.realpath(sys.executable),
            "version": list(sys.version_info[:3]),
            "library": [os.path.realpath(entry) for entry in library],
            "mapped": [path for path in mapped if path.startswith("/")],
        }
    )
)
