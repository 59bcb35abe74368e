"""What stands around the events of every calendar we write: first lines, time zone, end."""

OPENING = (
    "BEGIN:VCALENDAR",
    "VERSION:2.0",
    "PRODID:-//Openyard//Calendars//ZH",
    "CALSCALE:GREGORIAN",
)

# Building it with a library costs 12 ms a call. China has had no daylight saving since 1991.
ZONE = (
    b"BEGIN:VTIMEZONE\r\n"
    b"TZID:Asia/Shanghai\r\n"
    b"BEGIN:STANDARD\r\n"
    b"DTSTART:19911001T000000\r\n"
    b"TZNAME:CST\r\n"
    b"TZOFFSETFROM:+0800\r\n"
    b"TZOFFSETTO:+0800\r\n"
    b"END:STANDARD\r\n"
    b"END:VTIMEZONE\r\n"
)

CLOSING = b"END:VCALENDAR\r\n"
