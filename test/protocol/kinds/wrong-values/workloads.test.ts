import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../../protocol/json.ts';
import { admit } from '../objects.ts';
import { LABEL, manifest, NO_MATCH, PERCENT, QUALIFIED, wrong, wrongUpdate } from './refusals.ts';

const labels = { app: 'x' };
const template = { metadata: { labels }, spec: { containers: [{ name: 'a', image: 'nginx' }] } };
const selector = { matchLabels: labels };
const mismatch = `spec.template.metadata.labels: Invalid value: null: ${NO_MATCH}`;
const NO_CONTAINERS = 'spec.template.spec.containers: Required value';

function workload(kind: string, spec: JsonObject): JsonObject {
  return manifest(`apps/v1 ${kind}`, { spec: { selector, template, ...spec } });
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
