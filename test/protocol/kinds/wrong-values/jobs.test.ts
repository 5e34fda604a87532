import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../../protocol/json.ts';
import { admit } from '../objects.ts';
import { manifest, NO_MATCH, told, wrong, wrongUpdate } from './refusals.ts';

const labels = { app: 'x' };
const template = { metadata: { labels }, spec: { containers: [{ name: 'a', image: 'nginx' }] } };
const ended = { ...template, spec: { ...template.spec, restartPolicy: 'Never' } };
const selector = { matchLabels: labels };
const NO_CONTAINERS = 'spec.template.spec.containers: Required value';

function job(spec: JsonObject): JsonObject {
  return manifest('batch/v1 Job', { spec: { template: ended, ...spec } });
}

describe('a Job', () => {
  const failure = (rule: JsonObject): JsonObject => ({ podFailurePolicy: { rules: [rule] } });
  const rule = 'spec.podFailurePolicy.rules[0]';
  it.each<[string, JsonObject, string[]]>([
    [
      'no template',
      { template: null },
      [NO_CONTAINERS, 'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
    ],
    [
      'a template of what does not end',
      { template },
      ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
    ],
    [
      'numbers',
      { parallelism: -1, completions: -1, backoffLimit: -1, ttlSecondsAfterFinished: -1, activeDeadlineSeconds: -1 },
      ['parallelism', 'completions', 'activeDeadlineSeconds', 'backoffLimit', 'ttlSecondsAfterFinished'].map(
        (field) => `spec.${field}: Invalid value: -1: must be greater than or equal to 0`,
      ),
    ],
    [
      'a mode',
      { completionMode: 'Counted' },
      ['spec.completionMode: Unsupported value: "Counted": supported values: "NonIndexed", "Indexed"'],
    ],
    [
      'indexes of an unknown number',
      { completionMode: 'Indexed', parallelism: 1 },
      ['spec.completions: Required value: when completion mode is Indexed'],
    ],
    [
      'limits of what has no indexes',
      { backoffLimitPerIndex: 1, maxFailedIndexes: 1 },
      [
        'spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode',
        'spec.maxFailedIndexes: Invalid value: 1: requires indexed completion mode',
      ],
    ],
    [
      'more failures than completions',
      { completionMode: 'Indexed', completions: 2, maxFailedIndexes: 3, backoffLimitPerIndex: 1 },
      ['spec.maxFailedIndexes: Invalid value: 3: must be less than or equal to completions'],
    ],
    [
      'a rule of nothing',
      failure({ action: 'Ignore' }),
      [`${rule}: Invalid value: specifying one of OnExitCodes and OnPodConditions is required`],
    ],
    [
      'a rule of exit codes',
      failure({ onExitCodes: { containerName: 'z', operator: 'In', values: [3, 0, 3] } }),
      [
        `${rule}.action: Required value: valid values: ["Count" "FailIndex" "FailJob" "Ignore"]`,
        `${rule}.onExitCodes.containerName: Invalid value: "z": must be one of the container or initContainer names in the pod template`,
        `${rule}.onExitCodes.values[1]: Invalid value: 0: must not be 0 for the In operator`,
        `${rule}.onExitCodes.values[2]: Duplicate value: 3`,
        `${rule}.onExitCodes.values: Invalid value: [3,0,3]: must be ordered`,
      ],
    ],
    [
      'rules of what is restarted',
      {
        ...failure({ action: 'FailIndex', onPodConditions: [{ type: 'X' }] }),
        template: { ...ended, spec: { ...template.spec, restartPolicy: 'OnFailure' } },
      },
      [
        `${rule}.action: Invalid value: "FailIndex": requires the backoffLimitPerIndex to be set`,
        'spec.template.spec.restartPolicy: Invalid value: "OnFailure": only "Never" is supported when podFailurePolicy is specified',
      ],
    ],
    [
      'when a pod is replaced',
      { podReplacementPolicy: 'Soon' },
      ['spec.podReplacementPolicy: Unsupported value: "Soon": supported values: "Failed", "TerminatingOrFailed"'],
    ],
    [
      'what succeeds without indexes',
      { successPolicy: { rules: [{ succeededCount: 1 }] } },
      ['spec.successPolicy: Invalid value: {"Rules":[{"SucceededCount":1,"SucceededIndexes":null}]}: requires indexed completion mode'],
    ],
    [
      'what succeeds never',
      { completionMode: 'Indexed', completions: 3, successPolicy: { rules: [{}, { succeededIndexes: '0-x' }, { succeededCount: 4 }] } },
      [
        'spec.successPolicy.rules[0]: Required value: at least one of succeededCount or succeededIndexes must be specified',
        'spec.successPolicy.rules[1].succeededIndexes: Invalid value: "0-x": error parsing succeededIndexes: cannot convert string to integer for index: "x"',
        'spec.successPolicy.rules[2].succeededCount: Invalid value: 4: must be less than or equal to 3 (the number of specified completions)',
      ],
    ],
    [
      'indexes that can not be read, and more of them than there are',
      { completionMode: 'Indexed', completions: 3, successPolicy: { rules: [{ succeededIndexes: '2-1', succeededCount: 1 }] } },
      [
        'spec.successPolicy.rules[0].succeededIndexes: Invalid value: "2-1": error parsing succeededIndexes: non-increasing order, previous: 2, current: 1',
        'spec.successPolicy.rules[0].succeededCount: Invalid value: 1: must be less than or equal to 0 (the number of indexes in the specified succeededIndexes field)',
      ],
    ],
    [
      'more rules than there may be, one of them wrong',
      {
        podFailurePolicy: {
          rules: [{ action: 'Ignore' }, ...Array.from({ length: 20 }, () => ({ action: 'Ignore', onPodConditions: [{ type: 'X' }] }))],
        },
      },
      [
        `${rule}: Invalid value: specifying one of OnExitCodes and OnPodConditions is required`,
        'spec.podFailurePolicy.rules: Too many: 21: must have at most 20 items',
      ],
    ],
    [
      'a selector that it says is given',
      { manualSelector: true },
      [`spec.template.metadata.labels: Invalid value: {"app":"x"}: ${NO_MATCH}`, 'spec.selector: Required value'],
    ],
    [
      'a selector of others',
      { manualSelector: true, selector: { matchLabels: { app: 'db' } } },
      [`spec.template.metadata.labels: Invalid value: {"app":"x"}: ${NO_MATCH}`],
    ],
    ['who runs it', { managedBy: 'me' }, ['spec.managedBy: Invalid value: "me": must be a domain-prefixed path (such as "acme.io/foo")']],
  ])('with %s is refused in the words of Kubernetes', (_what, spec, causes) => {
    expect(wrong(job(spec))).toEqual(causes);
  });

  it('of a name that the last pod could not have is refused', () => {
    const name = 'a'.repeat(61);
    const spec = { template: ended, completionMode: 'Indexed', completions: 11 };
    expect(wrong({ ...manifest('batch/v1 Job', { spec }), metadata: { name } })).toEqual([
      `metadata.name: Invalid value: "${name}": will not able to create pod with invalid DNS label: ${name}-10`,
    ]);
  });

  it('keeps what makes its pods, and the number of its completions', () => {
    expect(wrongUpdate(job({}), job({ completions: 2, completionMode: 'NonIndexed' }))).toEqual([
      'spec.completions: Invalid value: 2: field is immutable',
    ]);
    const indexed = { completionMode: 'Indexed', completions: 2, parallelism: 1 };
    expect(wrongUpdate(job(indexed), job({ ...indexed, completions: 3, parallelism: 3 }))).toEqual([]);
    expect(wrongUpdate(job(indexed), job({ ...indexed, completions: 3 }))).toEqual([
      'spec.completions: Invalid value: 3: can only be modified in tandem with spec.parallelism',
    ]);
    const [other] = wrongUpdate(job({}), job({ template: { ...ended, metadata: {} } }));
    expect(other).toMatch(/^spec\.template: Invalid value: \{.*\}?: field is immutable$/);
  });

  it('that waits for its start may yet be told where, and nothing else', () => {
    const waiting = (spec: JsonObject, metadata: JsonObject = { labels }): JsonObject =>
      job({ suspend: true, template: { metadata, spec: { ...ended.spec, ...spec } } });
    const nodeAffinity = {
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'Exists' }] }] },
    };
    const where = { nodeSelector: { a: 'b' }, tolerations: [{ operator: 'Exists' }], affinity: { nodeAffinity } };
    expect(wrongUpdate(waiting({}), waiting(where, { annotations: { a: 'b' } }))).toEqual([]);
    expect(wrongUpdate(waiting({}), waiting({ containers: [{ name: 'a', image: 'other' }] }))).toEqual([
      expect.stringMatching(/^spec\.template: Invalid value: .*field is immutable$/),
    ]);
    expect(wrongUpdate(job({}), waiting(where))).toEqual([expect.stringMatching(/^spec\.template: Invalid value: .*field is immutable$/)]);
  });

  it('has a selector of its own making, where it does not say that it is given', () => {
    const { kind, object } = admit(job({ selector: { matchLabels: { app: 'db' } } }));
    expect(told(kind.validateCreate?.(object) ?? [])).toEqual([
      'spec.selector: Invalid value: {"matchLabels":{"app":"db"}}: `selector` not auto-generated',
      `spec.template.metadata.labels: Invalid value: {"app":"x"}: ${NO_MATCH}`,
    ]);
    const fineSpecs: JsonObject[] = [{}, { selector, manualSelector: true }];
    for (const spec of fineSpecs) {
      const fine = admit(job(spec));
      expect(fine.kind.validateCreate?.(fine.object)).toEqual([]);
    }
  });
});

describe('a CronJob', () => {
  const cron = (spec: JsonObject): JsonObject =>
    manifest('batch/v1 CronJob', { spec: { schedule: '@daily', jobTemplate: { spec: { template: ended } }, ...spec } });
  it.each<[string, JsonObject, string[]]>([
    [
      'nothing',
      { schedule: '', jobTemplate: null },
      [
        'spec.schedule: Required value',
        'spec.jobTemplate.spec.template.spec.containers: Required value',
        'spec.jobTemplate.spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
      ],
    ],
    ['a schedule', { schedule: 'often' }, ['spec.schedule: Invalid value: "often": expected exactly 5 fields, found 1: [often]']],
    [
      'a time zone in the schedule',
      { schedule: 'TZ=UTC 0 0 * * *' },
      ['spec.schedule: Invalid value: "TZ=UTC 0 0 * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead'],
    ],
    [
      'a schedule in an unknown time zone',
      { schedule: 'CRON_TZ=Nowhere 0 0 * * *' },
      [
        'spec.schedule: Invalid value: "CRON_TZ=Nowhere 0 0 * * *": provided bad location Nowhere: unknown time zone Nowhere',
        'spec.schedule: Invalid value: "CRON_TZ=Nowhere 0 0 * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead',
      ],
    ],
    [
      'a time zone and a policy',
      { timeZone: 'Moon/Crater', concurrencyPolicy: 'Race', startingDeadlineSeconds: -1 },
      [
        'spec.startingDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0',
        'spec.timeZone: Invalid value: "Moon/Crater": unknown time zone Moon/Crater',
        'spec.concurrencyPolicy: Unsupported value: "Race": supported values: "Allow", "Forbid", "Replace"',
      ],
    ],
    [
      'a selector',
      { jobTemplate: { spec: { template: ended, selector, manualSelector: true } } },
      [
        'spec.jobTemplate.spec.selector: Invalid value: {"matchLabels":{"app":"x"}}: `selector` will be auto-generated',
        'spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: "nil", "false"',
      ],
    ],
  ])('with %s is refused in the words of Kubernetes', (_what, spec, causes) => {
    expect(wrong(cron(spec))).toEqual(causes);
  });

  it('of a new name that is too long for its jobs is refused', () => {
    const name = 'a'.repeat(53);
    const { kind, object } = admit({ ...cron({}), metadata: { name } });
    expect(kind.validateCreate?.(object).map(({ message }) => message)).toEqual([
      `Invalid value: "${name}": must be no more than 52 characters`,
    ]);
  });
});
