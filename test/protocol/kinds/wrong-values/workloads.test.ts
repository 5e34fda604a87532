import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../../protocol/json.ts';
import { admit } from '../objects.ts';
import { LABEL, manifest, NO_MATCH, PERCENT, QUALIFIED, wrong, wrongUpdate } from './refusals.ts';

const labels = { app: 'x' };
const template = { metadata: { labels }, spec: { containers: [{ name: 'a', image: 'nginx' }] } };
const ended = { ...template, spec: { ...template.spec, restartPolicy: 'Never' } };
const selector = { matchLabels: labels };
const mismatch = `spec.template.metadata.labels: Invalid value: null: ${NO_MATCH}`;
const NO_CONTAINERS = 'spec.template.spec.containers: Required value';

function workload(kind: string, spec: JsonObject): JsonObject {
  return manifest(`apps/v1 ${kind}`, { spec: { selector, template, ...spec } });
}

function job(spec: JsonObject): JsonObject {
  return manifest('batch/v1 Job', { spec: { template: ended, ...spec } });
}

describe.each(['Deployment', 'ReplicaSet', 'StatefulSet'])('a %s', (kind) => {
  const empty = kind === 'StatefulSet' ? 'empty selector is invalid for statefulset' : 'empty selector is invalid for deployment';
  it.each<[string, JsonObject, string[]]>([
    ['a number of pods', { replicas: -1 }, ['spec.replicas: Invalid value: -1: must be greater than or equal to 0']],
    [
      'no selector',
      { selector: null },
      ['spec.selector: Required value', `spec.template.metadata.labels: Invalid value: {"app":"x"}: ${NO_MATCH}`],
    ],
    ['an empty selector', { selector: {} }, [`spec.selector: Invalid value: {}: ${empty}`]],
    ['no template', { template: null }, [mismatch, NO_CONTAINERS]],
    [
      'a template of others',
      { template: { ...template, metadata: { labels: { app: 'db' } } } },
      [`spec.template.metadata.labels: Invalid value: {"app":"db"}: ${NO_MATCH}`],
    ],
    [
      'a template of what ends',
      { template: { ...template, spec: { ...template.spec, restartPolicy: 'Never', activeDeadlineSeconds: 5 } } },
      [
        'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
        `spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ${kind === 'StatefulSet' ? kind : 'ReplicaSet'} is not Supported`,
      ],
    ],
  ])('with %s is refused in the words of Kubernetes', (_what, spec, causes) => {
    expect(wrong(workload(kind, spec))).toEqual(causes);
  });

  it('with a selector that is none is told so of its parts and of the whole', () => {
    const matchExpressions = [
      { key: 'app', operator: 'In' },
      { key: '-', operator: 'Like' },
    ];
    const shown = '{"matchExpressions":[{"key":"app","operator":"In"},{"key":"-","operator":"Like"}]}';
    expect(wrong(workload(kind, { selector: { matchExpressions } }))).toEqual([
      "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
      `spec.selector.matchExpressions[1].key: Invalid value: "-": name part ${QUALIFIED}`,
      'spec.selector.matchExpressions[1].operator: Invalid value: "Like": not a valid selector operator',
      `spec.selector: Invalid value: ${shown}${kind === 'StatefulSet' ? '' : ': invalid label selector'}`,
    ]);
  });
});

describe('a Deployment', () => {
  it.each<[string, JsonObject, string[]]>([
    [
      'a strategy',
      { strategy: { type: 'Other' } },
      ['spec.strategy: Unsupported value: {"Type":"Other","RollingUpdate":null}: supported values: "Recreate", "RollingUpdate"'],
    ],
    [
      'bounds of what has none',
      { strategy: { type: 'Recreate', rollingUpdate: {} } },
      ["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
    ],
    [
      'bounds of nothing',
      { strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: '0%' } } },
      ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "0%": may not be 0 when `maxSurge` is 0'],
    ],
    [
      'bounds that are none',
      { strategy: { rollingUpdate: { maxSurge: 'x', maxUnavailable: '101%' } } },
      [
        'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%',
        `spec.strategy.rollingUpdate.maxSurge: Invalid value: "x": ${PERCENT}`,
      ],
    ],
    [
      'several times',
      { replicas: -1, minReadySeconds: 600, revisionHistoryLimit: -1 },
      [
        'spec.replicas: Invalid value: -1: must be greater than or equal to 0',
        'spec.revisionHistoryLimit: Invalid value: -1: must be greater than or equal to 0',
        'spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds',
      ],
    ],
  ])('with %s is refused in the words of Kubernetes', (_what, spec, causes) => {
    expect(wrong(workload('Deployment', spec))).toEqual(causes);
  });

  it('keeps its selector', () => {
    const now = { matchLabels: { app: 'x', tier: 'y' } };
    const next = workload('Deployment', { selector: now, template: { ...template, metadata: { labels: now.matchLabels } } });
    expect(wrongUpdate(workload('Deployment', {}), next)).toEqual([
      'spec.selector: Invalid value: {"matchLabels":{"app":"x","tier":"y"}}: field is immutable',
    ]);
  });
});

describe('a DaemonSet', () => {
  it.each<[string, JsonObject, string[]]>([
    ['no selector', { selector: null }, [`spec.template.metadata.labels: Invalid value: {"app":"x"}: ${NO_MATCH}`]],
    ['an empty selector', { selector: {} }, ['spec.selector: Invalid value: {}: empty selector is invalid for daemonset']],
    [
      'a strategy',
      { updateStrategy: { type: 'Other' } },
      ['spec.updateStrategy: Unsupported value: {"Type":"Other","RollingUpdate":null}: supported values: "RollingUpdate", "OnDelete"'],
    ],
    [
      'both bounds',
      { updateStrategy: { rollingUpdate: { maxSurge: 1 } } },
      ['spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero'],
    ],
    [
      'neither bound',
      { updateStrategy: { rollingUpdate: { maxUnavailable: 0 } } },
      ['spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0'],
    ],
    [
      'bounds beyond all',
      { updateStrategy: { rollingUpdate: { maxUnavailable: '150%' } } },
      ['spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: "150%": must not be greater than 100%'],
    ],
  ])('with %s is refused in the words of Kubernetes', (_what, spec, causes) => {
    expect(wrong(workload('DaemonSet', spec))).toEqual(causes);
  });
});

describe('a StatefulSet', () => {
  it.each<[string, JsonObject, string[]]>([
    [
      'an order',
      { podManagementPolicy: 'Random' },
      ["spec.podManagementPolicy: Invalid value: \"Random\": must be 'OrderedReady' or 'Parallel'"],
    ],
    [
      'a strategy',
      { updateStrategy: { type: 'Other' } },
      ['spec.updateStrategy: Invalid value: {"Type":"Other","RollingUpdate":null}: must be \'RollingUpdate\' or \'OnDelete\''],
    ],
    [
      'bounds of what has none',
      { updateStrategy: { type: 'OnDelete', rollingUpdate: { partition: 1 } } },
      [
        'spec.updateStrategy.rollingUpdate: Invalid value: {"Partition":1,"MaxUnavailable":null}: only allowed for updateStrategy \'RollingUpdate\'',
      ],
    ],
    [
      'bounds, numbers and names',
      {
        updateStrategy: { rollingUpdate: { partition: -1, maxUnavailable: 0 } },
        ordinals: { start: -1 },
        persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Maybe' },
        serviceName: 'A',
      },
      [
        'spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: must be greater than or equal to 0',
        'spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: 0: cannot be 0',
        'spec.persistentVolumeClaimRetentionPolicy.whenDeleted: Unsupported value: "Maybe": supported values: "Retain", "Delete"',
        'spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0',
        `spec.serviceName: Invalid value: "A": ${LABEL}`,
      ],
    ],
  ])('with %s is refused in the words of Kubernetes', (_what, spec, causes) => {
    expect(wrong(workload('StatefulSet', spec))).toEqual(causes);
  });

  it('of a new name that its pods could not have is refused', () => {
    const { kind, object } = admit({ ...workload('StatefulSet', {}), metadata: { name: 'a.b' } });
    expect(kind.validateCreate?.(object)).toEqual([
      { field: 'metadata.name', reason: 'FieldValueInvalid', message: 'Invalid value: "a.b": must not contain dots' },
    ]);
  });

  it('keeps what makes its pods', () => {
    expect(
      wrongUpdate(workload('StatefulSet', {}), workload('StatefulSet', { serviceName: 'b', podManagementPolicy: 'Parallel' })),
    ).toEqual([
      "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
    ]);
    expect(wrongUpdate(workload('StatefulSet', {}), workload('StatefulSet', { replicas: 3, minReadySeconds: 1 }))).toEqual([]);
  });
});

describe('a ReplicationController', () => {
  it.each<[string, JsonObject, string[]]>([
    ['nothing', {}, ['spec.selector: Required value', 'spec.template: Required value']],
    [
      'a template of others',
      { selector: { app: 'db' }, template },
      [`spec.template.metadata.labels: Invalid value: {"app":"x"}: ${NO_MATCH}`],
    ],
  ])('with %s is refused in the words of Kubernetes', (_what, spec, causes) => {
    expect(wrong(manifest('v1 ReplicationController', { spec }))).toEqual(causes);
  });
});

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
    expect(wrongUpdate(job({ suspend: true }), job({ template: { ...ended, metadata: {} } }))).toEqual([]);
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
