// Reads a calendar from standard input with ical.js; writes its name and events as JSON.
import { readFileSync } from "node:fs";
import ICAL from "ical.js";

const calendar = new ICAL.Component(ICAL.parse(readFileSync(0, "utf-8")));
for (const zone of calendar.getAllSubcomponents("vtimezone")) {
  ICAL.TimezoneService.register(zone);
}

const read = (component) => {
  const event = new ICAL.Event(component);
  return {
    uid: event.uid,
    summary: event.summary,
    location: event.location,
    description: event.description,
    sequence: event.sequence,
    status: component.getFirstPropertyValue("status"),
    special: component.getFirstPropertyValue("x-apple-special-day"),
    categories: component.getFirstProperty("categories")?.getValues() ?? [],
    zone: event.startDate.zone.tzid,
    start: event.startDate.isDate ? event.startDate.toString() : event.startDate.toJSDate(),
    end: event.endDate.isDate ? event.endDate.toString() : event.endDate.toJSDate(),
  };
};

console.log(
  JSON.stringify({
    name: calendar.getFirstPropertyValue("x-wr-calname"),
    events: calendar.getAllSubcomponents("vevent").map(read),
  }),
);
