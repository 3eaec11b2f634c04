/**
 * Why an answer is not the backend's, or not the first one, as access logs and metrics name it (Envoy's short names).
 * DC: the client went away. DI: it was delayed on purpose. DPE: the request is malformed. FI: it was aborted on purpose. NC: no cluster. NR: no route. RL: more requests than a limit admits. UC: the connection to the endpoint
 * ended. UF: no connection to it. UH: no endpoint. UO: a limit was met. UPE: the response is malformed. UR: it reset the
 * stream. UAEX: an external authorizer refused, or did not answer. URX: no tries left. UT: it took too long.
 */
export type ResponseFlag =
  | 'DC'
  | 'DI'
  | 'DPE'
  | 'FI'
  | 'NC'
  | 'NR'
  | 'RL'
  | 'UAEX'
  | 'UC'
  | 'UF'
  | 'UH'
  | 'UO'
  | 'UPE'
  | 'UR'
  | 'URX'
  | 'UT';

/** One flag, or the cause and why it was not tried again; `-` when there is nothing to tell. */
export type ResponseFlags = '-' | ResponseFlag | `${ResponseFlag},${'UO' | 'URX'}`;
