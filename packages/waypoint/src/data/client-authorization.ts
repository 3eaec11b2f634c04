import { AmbitError } from '@ambit/core/errors';
import { type ConnectionFacts, Subject } from '@ambit/mesh/policy/subject';
import type {
  CheckPoint,
  CompiledAuthorization,
  CustomMatch,
} from '@ambit/traffic/authorization/compiled-authorization';
import type { Verdict } from '@ambit/traffic/authorization/verdict';
import type { RequestFacts } from '@ambit/traffic/request/request-facts';
import { PolicyDenied } from './policy-denied.ts';
import type { LiveService, ServedServices } from './served-services.ts';

/** Asks the policies in force about what one client does with what it dialled. */
export class ClientAuthorization {
  readonly #services: ServedServices;
  readonly #served: string;
  readonly #facts: ConnectionFacts;
  #subject: Subject | undefined;

  /** `served`: the key of the service or the uid of the workload. */
  constructor(services: ServedServices, served: string, facts: ConnectionFacts) {
    this.#services = services;
    this.#served = served;
    this.#facts = facts;
  }

  /** Undefined: nothing judges requests. */
  ofRequest({ compiled: { authorization } }: LiveService, facts: RequestFacts): Verdict | undefined {
    return authorization?.judgeRequest(this.#subjectOf(), facts);
  }

  /** Undefined: no external authorizer is asked. */
  checkOf(
    { compiled: { authorization } }: LiveService,
    facts: RequestFacts,
    point: CheckPoint,
  ): CustomMatch | undefined {
    return authorization?.checkOf(this.#subjectOf(), facts, point);
  }

  /** Of a connection whose bytes are not looked at, by what is in force now. */
  ofConnection(): Verdict | undefined {
    return this.#live?.compiled.authorization?.judgeConnection(this.#subjectOf());
  }

  /** Why an open connection whose bytes are not looked at must end; undefined: it may go on. */
  refusalOfConnection(): AmbitError | undefined {
    return this.#refusal((authorization, subject) => authorization.judgeConnection(subject));
  }

  /** The same of a request that has become such a connection. */
  refusalOfRequest(facts: RequestFacts): AmbitError | undefined {
    return this.#refusal((authorization, subject) => authorization.judgeRequest(subject, facts));
  }

  #refusal(judge: (authorization: CompiledAuthorization, subject: Subject) => Verdict): AmbitError | undefined {
    const compiled = this.#live?.compiled;
    // One that is not served here any more is another waypoint's, or nobody's: that says nothing of what it was allowed.
    if (compiled === undefined) return undefined;
    if (compiled.ports.size === 0) {
      return new AmbitError('AMBIT_WAYPOINT_NOT_SERVED', `${this.#served} is served on no port any more`);
    }
    if (compiled.authorization === undefined) return undefined;
    const verdict = judge(compiled.authorization, this.#subjectOf());
    return verdict.decision.allowed ? undefined : new PolicyDenied(verdict, 'the policies have changed');
  }

  get #live(): LiveService | undefined {
    return this.#services.find(this.#served);
  }

  #subjectOf(): Subject {
    this.#subject ??= new Subject().become(this.#facts);
    return this.#subject;
  }
}
