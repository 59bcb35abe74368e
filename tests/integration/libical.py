"""libical's strict check, where Debian's libical3 is installed."""

import ctypes
import ctypes.util

LIBRARY = ctypes.util.find_library("ical")


def check(data: bytes) -> tuple[bool, int]:
    """Whether the standard's restrictions hold, and how many errors the parser met."""
    library = ctypes.CDLL(LIBRARY)
    library.icalparser_parse_string.restype = ctypes.c_void_p
    library.icalparser_parse_string.argtypes = [ctypes.c_char_p]
    library.icalrestriction_check.argtypes = [ctypes.c_void_p]
    library.icalcomponent_count_errors.argtypes = [ctypes.c_void_p]
    component = library.icalparser_parse_string(data)
    valid = bool(library.icalrestriction_check(component))
    return valid, library.icalcomponent_count_errors(component)
