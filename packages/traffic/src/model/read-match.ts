import type {
  HttpMatch as Message,
  NamedMatch as NamedMessage,
  SourceMatch as SourceMessage,
  StringMatch as StringMessage,
} from '@ambit/proto/waypoint';
import { regexProblem } from '../match/regex.ts';
import type { Problems } from './problems.ts';
import type { HttpMatch, NamedMatch, SourceMatch, StringMatch } from './served-service.ts';

/** A header's name in lower case (RFC 9110 5.1), or that of a pseudo field. */
const HEADER_NAME = /^:?[!#$%&'*+\-.^_`|~0-9a-z]+$/;

const ANYTHING: StringMatch = { kind: 'present', text: '', ignoreCase: false };

export function readMatch(message: Message, field: string, problems: Problems): HttpMatch {
  return {
    path: optional(message.path, `${field}.path`, problems, true),
    method: optional(message.method, `${field}.method`, problems),
    scheme: optional(message.scheme, `${field}.scheme`, problems),
    authority: optional(message.authority, `${field}.authority`, problems),
    headers: readHeaders(message.headers, `${field}.headers`, problems),
    withoutHeaders: readHeaders(message.withoutHeaders, `${field}.without_headers`, problems),
    queryParameters: message.queryParameters.map((one, index) => {
      const where = `${field}.query_parameters[${index}]`;
      if (one.name.length === 0) problems.add(`${where}.name`, 'is empty');
      return readNamed(one, where, problems);
    }),
    source: message.source === undefined ? null : readSource(message.source, `${field}.source`, problems),
  };
}

function readSource(
  { namespace, workloadUids, byWorkload }: SourceMessage,
  field: string,
  problems: Problems,
): SourceMatch {
  if (!byWorkload && workloadUids.length > 0) {
    problems.add(`${field}.workload_uids`, 'is set without by_workload, so it would not be looked at');
  }
  return { namespace, workloadUids: byWorkload ? [...workloadUids] : null };
}

function readHeaders(messages: readonly NamedMessage[], field: string, problems: Problems): NamedMatch[] {
  return messages.map((message, index) => {
    const where = `${field}[${index}]`;
    if (!HEADER_NAME.test(message.name)) {
      problems.add(`${where}.name`, `"${message.name}" is not the name of a header in lower case`);
    }
    return readNamed(message, where, problems);
  });
}

function readNamed({ name, value }: NamedMessage, field: string, problems: Problems): NamedMatch {
  if (value === undefined) problems.add(`${field}.value`, 'is not set');
  return { name, value: value === undefined ? ANYTHING : readStringMatch(value, `${field}.value`, problems) };
}

function optional(
  message: StringMessage | undefined,
  field: string,
  problems: Problems,
  isPath = false,
): StringMatch | null {
  return message === undefined ? null : readStringMatch(message, field, problems, isPath);
}

/** `isPath`: only those may be compared by segments. */
export function readStringMatch(
  { kind, ignoreCase }: StringMessage,
  field: string,
  problems: Problems,
  isPath = false,
): StringMatch {
  switch (kind.case) {
    case 'exact':
      return { kind: 'exact', text: kind.value, ignoreCase };
    case 'prefix':
      return { kind: 'prefix', text: kind.value, ignoreCase };
    case 'pathPrefix':
      checkPathPrefix(kind.value, `${field}.path_prefix`, problems, isPath);
      return { kind: 'path-prefix', text: kind.value, ignoreCase };
    case 'regex': {
      const problem = regexProblem(kind.value);
      if (problem !== undefined) problems.add(`${field}.regex`, problem);
      refuseIgnoreCase(ignoreCase, field, problems);
      return { kind: 'regex', text: kind.value, ignoreCase: false };
    }
    case 'present':
      if (!kind.value) problems.add(`${field}.present`, 'is false, which says nothing; use without_headers');
      refuseIgnoreCase(ignoreCase, field, problems);
      return ANYTHING;
    case undefined:
      problems.add(`${field}.kind`, 'is not set, or of a kind that this version does not know');
      return ANYTHING;
  }
}

function checkPathPrefix(prefix: string, field: string, problems: Problems, isPath: boolean): void {
  if (!isPath) problems.add(field, 'only paths are compared by segments');
  else if (prefix.endsWith('/')) problems.add(field, `"${prefix}" is written without the trailing slash ("" for all)`);
  else if (prefix.length > 0 && !prefix.startsWith('/')) problems.add(field, `"${prefix}" does not begin with a slash`);
}

function refuseIgnoreCase(ignoreCase: boolean, field: string, problems: Problems): void {
  if (ignoreCase) problems.add(`${field}.ignore_case`, 'goes with exact, prefix and path_prefix only; write (?i)');
}
