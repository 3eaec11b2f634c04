import { HttpJsonLog } from './http-json-log.ts';
import type { HttpAccessLog } from './http-log-record.ts';
import { HttpTextLog } from './http-text-log.ts';

/** The access log of requests in one of its formats. One per thread; files of lines are made of it as ztunnel's are. */
export function httpAccessLog(format: 'json' | 'text'): HttpAccessLog {
  return format === 'json' ? new HttpJsonLog() : new HttpTextLog();
}
