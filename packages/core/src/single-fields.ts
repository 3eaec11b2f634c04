/**
 * Header fields of which a message may have one only, because two readers would take different ones. The framing fields and
 * Host are judged where they are read.
 */
export const SINGLE_FIELDS: readonly string[] = [
  'authorization',
  'content-location',
  'content-range',
  'content-type',
  'expect',
  'from',
  'if-modified-since',
  'if-range',
  'if-unmodified-since',
  'location',
  'max-forwards',
  'origin',
  'proxy-authorization',
  'range',
  'referer',
];
