/** From what workers say of running tasks to the events that are kept. */
import { MillraceError } from '../../kernel/errors.js';
import type { ProgressEvent } from '../../kernel/progress-event.js';
import { isGiven, wrongType } from '../common/field.decorators.js';
import { jsonOfField, partsOfField, type JsonPart } from './json-part.js';

const MAX_LABEL = 200;

/** The events of a report, in their order: those of its list, or the one that it is itself. */
export function toProgressEvents(report: JsonPart): ProgressEvent[] {
  const { events, event_data: data } = report.value;
  if (!isGiven(events)) return [toEvent(report)];
  if (data === undefined) return partsOfField(report, 'events').map(toEvent);
  const message = "Send either 'event_data' or 'events', not both.";
  throw new MillraceError('invalid_value', message, { param: 'events' });
}

function toEvent(event: JsonPart): ProgressEvent {
  return eventOf(event, { id: 'event_id', name: 'event_name', data: 'event_data' });
}

/** The one event of a report over a stream, whose fields are named otherwise. */
export function toStreamedEvent(report: JsonPart): ProgressEvent {
  return eventOf(report, { id: 'eventId', name: 'eventName', data: 'eventData' });
}

function eventOf(event: JsonPart, fields: { id: string; name: string; data: string }): ProgressEvent {
  const { value, path } = event;
  const [id, name, data] = [value[fields.id], value[fields.name], value[fields.data]];
  if (data === undefined) throw wrongType(path + fields.data, 'any JSON', data);
  return {
    id: labelOf(Number.isSafeInteger(id) ? String(id) : id, path + fields.id),
    name: labelOf(name, path + fields.name),
    data: jsonOfField(event, fields.data),
  };
}

/** Ids and names of events stand in lines of their own in a stream. */
function labelOf(label: unknown, param: string): string | null {
  if (!isGiven(label)) return null;
  if (typeof label !== 'string') throw wrongType(param, 'a string', label);
  if (label.length <= MAX_LABEL && label.isWellFormed() && !/[\r\n\0]/.test(label)) return label;
  const message = `Invalid '${param}': expected one line of at most ${MAX_LABEL} characters.`;
  throw new MillraceError('invalid_value', message, { param });
}
