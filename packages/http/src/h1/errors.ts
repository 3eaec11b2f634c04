import { AmbitError } from '@ambit/core/errors';

/** Rules of HTTP/1 that a peer can break. The words are stable: they stand in logs and metrics. */
export type Http1Reason =
  | 'absolute-form-mismatch'
  | 'bare-cr'
  | 'bare-lf'
  | 'chunk-extension-too-long'
  | 'chunk-size'
  | 'chunk-size-too-large'
  | 'chunk-terminator'
  | 'connect'
  | 'connection-option'
  | 'content-length'
  | 'content-length-twice'
  | 'content-length-with-transfer-encoding'
  | 'control-character'
  | 'empty-field-name'
  | 'field-name'
  | 'field-name-too-long'
  | 'field-twice'
  | 'head-too-large'
  | 'head-timeout'
  | 'host'
  | 'host-missing'
  | 'host-twice'
  | 'method'
  | 'method-too-long'
  | 'obs-fold'
  | 'pipelined-too-much'
  | 'space-before-colon'
  | 'space-in-start-line'
  | 'start-line-too-long'
  | 'status-line'
  | 'switching-protocols'
  | 'target'
  | 'too-many-fields'
  | 'too-many-interim-responses'
  | 'trailer-field'
  | 'trailers-too-large'
  | 'transfer-encoding'
  | 'transfer-encoding-in-http-1.0'
  | 'transfer-encoding-twice'
  | 'unsolicited-response'
  | 'unwanted-content'
  | 'version';

/** The peer broke a rule; the connection ends. `status` is what a server answers, if it still can. */
export class Http1Error extends AmbitError {
  readonly reason: Http1Reason;
  readonly status: number;

  constructor(reason: Http1Reason, problem: string, status = 400) {
    super('AMBIT_HTTP1_MALFORMED', `${problem} (${reason})`, { source: 'peer' });
    this.name = 'Http1Error';
    this.reason = reason;
    this.status = status;
  }
}
