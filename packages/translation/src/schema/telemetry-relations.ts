import { quoted } from '../manifest/problem.ts';
import type { Telemetry } from '../telemetry-objects.ts';
import type { ReportAt } from './relations.ts';
import { checkTargets } from './security-relations.ts';

export function checkTelemetry({ spec }: Telemetry, report: ReportAt): void {
  checkTargets(spec, report);
  (spec.metrics ?? []).forEach(({ overrides = [] }, index) => {
    overrides.forEach(({ match, tagOverrides = {} }, at) => {
      const place = ['spec', 'metrics', index, 'overrides', at];
      if (match?.metric !== undefined && match.customMetric !== undefined) {
        report([...place, 'match'], 'only one of metric and customMetric may be given');
      }
      for (const [name, { operation = 'UPSERT', value = '' }] of Object.entries(tagOverrides)) {
        const tag = [...place, 'tagOverrides', name];
        if (operation === 'REMOVE' && value !== '') report(tag, 'a value goes with the operation UPSERT only');
        if (operation === 'UPSERT' && value === '') report(tag, 'the operation UPSERT needs a value');
      }
    });
  });
  (spec.tracing ?? []).forEach(({ randomSamplingPercentage: percentage, customTags = {} }, index) => {
    const place = ['spec', 'tracing', index];
    if (percentage !== undefined && (percentage < 0 || percentage > 100)) {
      report([...place, 'randomSamplingPercentage'], `${percentage} is not a percentage`, 'from 0 to 100');
    }
    for (const [name, kinds] of Object.entries(customTags)) {
      if (Object.keys(kinds).length !== 1) {
        const message = `the tag ${quoted(name)} needs exactly one of literal, environment, header and formatter`;
        report([...place, 'customTags', name], message);
      }
    }
  });
}
