import { prefixTable, PrincipalMatcher, ServiceAccountMatcher } from '@ambit/mesh/policy/value-matchers';
import type { StringMatch } from '@ambit/mesh/policy/policy';
import type { Subject } from '@ambit/mesh/policy/subject';
import type { ConnectionAttribute, ValuePattern } from '../model/authorization-policy.ts';
import { ValueMatcher } from './value-matcher.ts';

/** Whether a connection has an attribute with one of the values. */
export type ConnectionTest = (subject: Subject) => boolean;

export function connectionTest(attribute: ConnectionAttribute, values: readonly ValuePattern[]): ConnectionTest {
  switch (attribute) {
    case 'source-principal': {
      const matcher = new PrincipalMatcher(values.map(stringMatch));
      return (subject) => matcher.matches(subject);
    }
    case 'source-namespace': {
      const matcher = new ValueMatcher(values);
      return ({ identity }) => identity !== undefined && matcher.matches(identity.namespace);
    }
    case 'source-trust-domain': {
      const matcher = new ValueMatcher(values);
      return ({ identity }) => identity !== undefined && matcher.matches(identity.trustDomain);
    }
    case 'source-service-account': {
      const matcher = new ServiceAccountMatcher(
        values.map(({ text }) => {
          const slash = text.indexOf('/');
          return { namespace: text.slice(0, slash), serviceAccount: text.slice(slash + 1) };
        }),
      );
      return ({ identity }) => matcher.matches(identity);
    }
    // Nobody before the client's own proxy is believed, so that it stands at the beginning.
    case 'remote-ip':
    case 'source-ip': {
      const table = prefixTable(values.map(({ text }) => text));
      return (subject) => table.contains(subject.source());
    }
    case 'destination-ip': {
      const table = prefixTable(values.map(({ text }) => text));
      return (subject) => table.contains(subject.destination());
    }
    case 'destination-port': {
      const ports = new Set(values.map(({ text }) => Number(text)));
      return ({ destinationPort }) => ports.has(destinationPort);
    }
  }
}

function stringMatch({ kind, text }: ValuePattern): StringMatch {
  switch (kind) {
    case 'present':
      return { kind: 'presence' };
    case 'template':
      throw new RangeError('only paths have templates');
    case 'exact':
    case 'prefix':
    case 'suffix':
      return { kind, value: text };
  }
}
