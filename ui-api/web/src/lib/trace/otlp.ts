// OTLP in JSON, as the API answers with it. Everything in it was written by whoever can send spans.

export interface AnyValue {
  stringValue?: string;
  boolValue?: boolean;
  intValue?: string | number;
  doubleValue?: number | string;
  arrayValue?: { values?: AnyValue[] };
  kvlistValue?: { values?: KeyValue[] };
  bytesValue?: string;
}

export interface KeyValue {
  key?: string;
  value?: AnyValue;
}

export interface OtlpEvent {
  timeUnixNano?: string | number;
  name?: string;
  attributes?: KeyValue[];
  droppedAttributesCount?: number;
}

export interface OtlpLink {
  traceId?: string;
  spanId?: string;
  traceState?: string;
  attributes?: KeyValue[];
}

export interface OtlpSpan {
  traceId?: string;
  spanId?: string;
  parentSpanId?: string;
  traceState?: string;
  flags?: number;
  name?: string;
  kind?: number;
  startTimeUnixNano?: string | number;
  endTimeUnixNano?: string | number;
  attributes?: KeyValue[];
  events?: OtlpEvent[];
  links?: OtlpLink[];
  status?: { code?: number; message?: string };
  droppedAttributesCount?: number;
  droppedEventsCount?: number;
  droppedLinksCount?: number;
}

export interface OtlpScope {
  name?: string;
  version?: string;
  attributes?: KeyValue[];
}

/** What the server knows of a hop, beside the OTLP that was received. `spanId` is the span that arrived, or was to call. */
export interface HopNote {
  spanId?: string;
  lane?: string;
  verdict?: string | null;
}

export interface TracesData {
  laneway?: { hops?: HopNote[]; spans?: { spanId?: string; lane?: string }[] };
  resourceSpans?: {
    resource?: { attributes?: KeyValue[] };
    scopeSpans?: { scope?: OtlpScope; spans?: OtlpSpan[] }[];
  }[];
}

/** A value as text. A string is itself; lists and maps are JSON. */
export function valueText(value: AnyValue | undefined): string {
  const plain = plainValue(value);
  return typeof plain === 'string' ? plain : JSON.stringify(plain);
}

export function valueType(value: AnyValue | undefined): string {
  if (!value) return 'empty';
  if (value.stringValue !== undefined) return 'string';
  if (value.intValue !== undefined) return 'int';
  if (value.doubleValue !== undefined) return 'double';
  if (value.boolValue !== undefined) return 'bool';
  if (value.arrayValue) return 'array';
  if (value.kvlistValue) return 'map';
  return value.bytesValue === undefined ? 'empty' : 'bytes';
}

function plainValue(value: AnyValue | undefined): unknown {
  if (!value) return '';
  if (value.stringValue !== undefined) return value.stringValue;
  // 64-bit integers stay text: a number of this language would round them.
  if (value.intValue !== undefined) return String(value.intValue);
  if (value.doubleValue !== undefined) return value.doubleValue;
  if (value.boolValue !== undefined) return value.boolValue;
  if (value.bytesValue !== undefined) return value.bytesValue;
  if (value.arrayValue) return (value.arrayValue.values ?? []).map(plainValue);
  if (value.kvlistValue) {
    return Object.fromEntries((value.kvlistValue.values ?? []).map((pair) => [pair.key ?? '', plainValue(pair.value)]));
  }
  return '';
}

export function attribute(attributes: KeyValue[] | undefined, key: string): string | undefined {
  const found = attributes?.find((pair) => pair.key === key);
  return found && valueText(found.value);
}

/** Nanoseconds since the epoch, exactly: whole seconds and the rest. */
export function splitNanos(time: string | number | undefined): [seconds: number, nanos: number] {
  const text = String(time ?? 0);
  const digits = text.length;
  return digits <= 9 ? [0, Number(text)] : [Number(text.slice(0, digits - 9)), Number(text.slice(digits - 9))];
}
