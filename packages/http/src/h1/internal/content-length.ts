import { Http1Error } from '../errors.ts';

const DIGIT_ZERO = 0x30;

/** 1 to 15 digits and nothing else: exact as a number, and no reader sees another one. */
export function contentLengthOf(value: string): number {
  let length = 0;
  for (let at = 0; at < value.length; at++) {
    const digit = value.charCodeAt(at) - DIGIT_ZERO;
    if (digit < 0 || digit > 9) throw new Http1Error('content-length', 'a content-length that is not digits alone');
    length = length * 10 + digit;
  }
  if (value.length < 1 || value.length > 15)
    throw new Http1Error('content-length', 'a content-length of no digits or too many');
  return length;
}
