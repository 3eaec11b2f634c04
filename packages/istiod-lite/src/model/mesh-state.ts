import type { Clock } from '@ambit/core/clock';
import { messageOf } from '@ambit/core/errors';
import type { Logger } from '@ambit/core/log';
import { formatProblem, type ManifestProblem, type Position } from '@ambit/translation/manifest/problem';
import { type BuiltModel, buildModel, type Model } from '@ambit/translation/model';
import type { Pod } from '@ambit/translation/objects';
import { type Translation, Translator } from '@ambit/translation/translate';
import { type Condition, isComplaint, subjectOf } from '@ambit/translation/translate/condition';
import type { TranslationSettings } from '@ambit/translation/translate/settings';
import type { PodDirectory } from '../ca/node-authorization.ts';
import type { PodChanges } from '../ca/pod-wait.ts';
import type { Counters } from '../serve/counters.ts';
import type { WaypointDirectory } from '../serve/waypoint-access.ts';
import type { Configuration, Refusal } from '../watch/configuration.ts';
import { type DigestibleModel, digestible, type Indigestible } from './digestible-model.ts';
import { refusalOf, sentenceOf } from './left-out.ts';
import type { ReadyWaypoints } from './ready-waypoints.ts';
import { ToldLines } from './told-lines.ts';

/** What is in force, and what it was made of. */
export interface MeshSnapshot {
  readonly model: Model;
  readonly translation: Translation;
  readonly refusals: readonly Refusal[];
  /** When the first of the changes that are new in it became known, milliseconds of the clock. */
  readonly changedAt: number;
}

export interface MeshStateParts {
  readonly settings: TranslationSettings;
  /** Takes what is to be served. */
  readonly publish: (snapshot: MeshSnapshot) => void;
  readonly readyWaypoints: ReadyWaypoints;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * The mesh as it is configured now: merges the configuration's files into one model, translates it, publishes the
 * result, and says once of everything that is not honoured as asked.
 */
export class MeshState implements PodChanges, PodDirectory, WaypointDirectory {
  readonly #parts: MeshStateParts;
  readonly #translator: Translator;
  #model: Model | undefined;
  #translation: Translation | undefined;
  #problems: readonly ManifestProblem[] = [];
  #notHonoured: readonly string[] = [];
  #podsOnNode = new Map<string, Pod[]>();
  #failure: string | undefined;
  /** Objects whose newest state is not in force, because nobody could translate it. */
  #left: readonly Indigestible[] = [];
  readonly #told: ToldLines;
  #waiting = new Set<() => void>();

  constructor(parts: MeshStateParts) {
    this.#parts = parts;
    this.#translator = new Translator(parts.settings);
    this.#told = new ToldLines(parts.log);
  }

  /** Undefined until a configuration was taken. */
  get translation(): Translation | undefined {
    return this.#translation;
  }

  /** Files and objects that are wrong now. */
  get problems(): readonly ManifestProblem[] {
    return this.#problems;
  }

  /** Objects that are taken and not honoured as a cluster with Istio would, one line each. */
  get notHonoured(): readonly string[] {
    return this.#failure === undefined ? this.#notHonoured : [this.#failure, ...this.#notHonoured];
  }

  /**
   * One object that cannot be digested must not take down a controller, which would meet it again at its next start, nor hold
   * up the others: its own last state stays in force. Only where that would open something, all changes wait.
   */
  apply(configuration: Configuration): void {
    try {
      this.#apply(configuration);
      this.#failure = undefined;
    } catch (error) {
      const failure = `the newest changes are not in force, what was before is: ${messageOf(error)}`;
      this.#parts.counters.count('ambit_config_translation_errors_total');
      if (failure !== this.#failure) {
        const stack = error instanceof Error ? error.stack : undefined;
        this.#parts.log.error({ code: 'AMBIT_INTERNAL', reason: messageOf(error), stack }, 'changes are not taken');
      }
      this.#failure = failure;
    }
  }

  #apply(configuration: Configuration): void {
    const built = buildModel(configuration.sources);
    const { model, result: translation, left } = this.#digest(built.model);
    this.#parts.readyWaypoints.note(translation.waypoints);
    // What cannot be served must not be shown as in force, nor decide who gets a certificate.
    const { changedAt } = configuration;
    const refusals = [...configuration.refusals, ...left.flatMap((one) => refusalOf(one) ?? [])];
    this.#parts.publish({ model, translation, refusals, changedAt });
    this.#model = model;
    this.#translation = translation;
    this.#left = left;
    this.#problems = [...configuration.problems, ...built.problems];
    this.#podsOnNode = podsByNode(model);
    this.#tell(configuration, built, translation.conditions.filter(isComplaint));
    this.#parts.counters.count('ambit_config_reloads_total');
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const resume of waiting) resume();
  }

  #digest(wanted: Model): DigestibleModel<Translation> {
    const { readyWaypoints, counters } = this.#parts;
    const translate = (model: Model): Translation =>
      this.#translator.translate(model, { waypointsOnceReady: readyWaypoints.names });
    try {
      return { model: wanted, result: translate(wanted), left: [] };
    } catch (error) {
      const found = this.#model === undefined ? undefined : digestible(this.#model, wanted, this.#left, translate);
      if (found === undefined) throw error;
      counters.count('ambit_config_translation_errors_total');
      return found;
    }
  }

  pod(name: string): Pod | undefined {
    return this.#model?.pods.get(name);
  }

  podsOnNode(node: string): readonly Pod[] {
    return this.#podsOnNode.get(node) ?? [];
  }

  waypointAccount(waypoint: string): string | undefined {
    const account = this.#translation?.waypoints.get(waypoint)?.serviceAccount;
    return account === undefined ? undefined : `${waypoint.slice(0, waypoint.indexOf('/'))}/${account}`;
  }

  changed(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const resume = (): void => {
        timer.cancel();
        this.#waiting.delete(resume);
        resolve();
      };
      const timer = this.#parts.clock.setTimeout(resume, milliseconds, { background: true });
      this.#waiting.add(resume);
    });
  }

  /** Logs what is new among the complaints; what was said stays said until it is gone. */
  #tell(configuration: Configuration, built: BuiltModel, complaints: readonly Condition[]): void {
    const ignored = configuration.sources
      .flatMap(({ decoded }) => decoded.ignored)
      .filter(({ consequence }) => consequence === 'not honoured')
      .map(({ object, reason, ...origin }) => `${placeOf(origin)}${object}: ${reason}`);
    const conditions = complaints.map((condition) => {
      const { kind, name, type, status, reason, message } = condition;
      return `${placeOf(built.origins.get(`${kind} ${name}`))}${subjectOf(condition)}: ${type}=${status} ${reason}: ${message}`;
    });
    const duplicates = built.problems.map((problem) => formatProblem(problem));
    this.#notHonoured = [...this.#left.map(sentenceOf), ...conditions, ...ignored];
    this.#told.tell([...duplicates, ...this.#notHonoured]);
  }
}

/** Objects of an API server stand in no file. */
function placeOf(origin: { readonly file: string; readonly position: Position } | undefined): string {
  return origin === undefined || origin.file === '' ? '' : `${origin.file}:${origin.position.line}: `;
}

function podsByNode(model: Model): Map<string, Pod[]> {
  const result = new Map<string, Pod[]>();
  for (const pod of model.pods.values()) {
    const node = pod.spec.nodeName ?? '';
    if (node === '') continue;
    const known = result.get(node);
    if (known === undefined) result.set(node, [pod]);
    else known.push(pod);
  }
  return result;
}
