import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../../protocol/json.ts';
import { admit } from '../objects.ts';
import { manifest, PERCENT, QUALIFIED, wrong, wrongUpdate } from './refusals.ts';

const scaleTargetRef = { kind: 'Deployment', name: 'web', apiVersion: 'apps/v1' };

function autoscaler(spec: JsonObject): JsonObject {
  return manifest('autoscaling/v2 HorizontalPodAutoscaler', { spec: { scaleTargetRef, maxReplicas: 3, ...spec } });
}

describe('a HorizontalPodAutoscaler', () => {
  const cpu = (target: JsonObject): JsonObject => ({ metrics: [{ type: 'Resource', resource: { name: 'cpu', target } }] });
  const at = 'spec.metrics[0]';
  it.each<[string, JsonObject, string[]]>([
    [
      'bounds',
      { minReplicas: 0, maxReplicas: 0 },
      [
        'spec.minReplicas: Invalid value: 0: must be greater than or equal to 1',
        'spec.maxReplicas: Invalid value: 0: must be greater than 0',
      ],
    ],
    [
      'a maximum below the minimum',
      { minReplicas: 5 },
      ['spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`'],
    ],
    [
      'nothing to scale',
      { scaleTargetRef: null, maxReplicas: null },
      [
        'spec.maxReplicas: Invalid value: 0: must be greater than 0',
        'spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`',
        'spec.scaleTargetRef.kind: Required value',
        'spec.scaleTargetRef.name: Required value',
      ],
    ],
    [
      'a share',
      cpu({ type: 'Utilization', averageUtilization: 0 }),
      [`${at}.resource.target.averageUtilization: Invalid value: 0: must be greater than 0`],
    ],
    [
      'no target',
      cpu({}),
      [
        `${at}.resource.target.type: Required value: must specify a metric target type`,
        `${at}.resource.target.type: Invalid value: "": must be either Utilization, Value, or AverageValue`,
        `${at}.resource.target.averageUtilization: Required value: must set either a target raw value or a target utilization`,
      ],
    ],
    [
      'two targets',
      cpu({ type: 'AverageValue', averageValue: '0', averageUtilization: 50 }),
      [
        `${at}.resource.target.averageValue: Invalid value: "0": must be positive`,
        `${at}.resource.target.averageValue: Forbidden: may not set both a target raw value and a target utilization`,
      ],
    ],
    [
      'a metric of no sort',
      { metrics: [{}] },
      [
        `${at}.type: Required value: must specify a metric source type`,
        `${at}.type: Unsupported value: "": supported values: "ContainerResource", "External", "Object", "Pods", "Resource"`,
        `${at}.type: Unsupported value: "": supported values: "ContainerResource", "External", "Object", "Pods", "Resource"`,
      ],
    ],
    [
      'a metric of another sort',
      { metrics: [{ type: 'Pods', external: { metric: {}, target: { type: 'Value', value: '1' } } }] },
      [
        `${at}.external.metric.name: Required value: must specify a metric name`,
        `${at}.pods: Required value: must populate information for the given metric source`,
      ],
    ],
    [
      'a pace',
      { behavior: { scaleUp: { policies: [], selectPolicy: 'Some' }, scaleDown: { stabilizationWindowSeconds: 3601, policies: [{}] } } },
      [
        'spec.behavior.scaleUp.selectPolicy: Unsupported value: "Some": supported values: "Disabled", "Max", "Min"',
        'spec.behavior.scaleUp.policies: Required value: must specify at least one Policy',
        'spec.behavior.scaleDown.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600',
        'spec.behavior.scaleDown.policies[0].type: Unsupported value: "": supported values: "Percent", "Pods"',
        'spec.behavior.scaleDown.policies[0].value: Invalid value: 0: must be greater than zero',
        'spec.behavior.scaleDown.policies[0].periodSeconds: Invalid value: 0: must be greater than zero',
      ],
    ],
  ])('with %s is refused in the words of Kubernetes', (_what, spec, causes) => {
    expect(wrong(autoscaler(spec))).toEqual(causes);
  });

  it('that says one thing of its pace has the rest by default', () => {
    const { object } = admit(autoscaler({ behavior: { scaleDown: { stabilizationWindowSeconds: 0 } } }));
    expect(object.spec).toMatchObject({
      behavior: {
        scaleUp: {
          selectPolicy: 'Max',
          stabilizationWindowSeconds: 0,
          policies: [
            { type: 'Pods', value: 4 },
            { type: 'Percent', value: 100 },
          ],
        },
        scaleDown: { selectPolicy: 'Max', stabilizationWindowSeconds: 0, policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] },
      },
    });
  });

  it('of autoscaling/v1 is refused alike', () => {
    const value = manifest('autoscaling/v1 HorizontalPodAutoscaler', { spec: { scaleTargetRef, maxReplicas: 1, minReplicas: 2 } });
    expect(wrong(value)).toEqual(['spec.maxReplicas: Invalid value: 1: must be greater than or equal to `minReplicas`']);
  });
});

describe('a PodDisruptionBudget', () => {
  it.each<[string, JsonObject, string[]]>([
    ['more than all', { minAvailable: '150%' }, ['spec.minAvailable: Invalid value: "150%": must not be greater than 100%']],
    ['no number', { maxUnavailable: 'all' }, [`spec.maxUnavailable: Invalid value: "all": ${PERCENT}`]],
    ['less than none', { minAvailable: -1 }, ['spec.minAvailable: Invalid value: -1: must be greater than or equal to 0']],
    [
      'both bounds',
      { minAvailable: 1, maxUnavailable: 1, selector: { matchLabels: { a: 'b' } } },
      [
        'spec: Invalid value: {"MinAvailable":1,"Selector":{"matchLabels":{"a":"b"}},"MaxUnavailable":1,"UnhealthyPodEvictionPolicy":null}: minAvailable and maxUnavailable cannot be both set',
      ],
    ],
    [
      'a policy',
      { unhealthyPodEvictionPolicy: 'Never' },
      ['spec.unhealthyPodEvictionPolicy: Unsupported value: "Never": supported values: "AlwaysAllow", "IfHealthyBudget"'],
    ],
  ])('with %s is refused in the words of Kubernetes', (_what, spec, causes) => {
    expect(wrong(manifest('policy/v1 PodDisruptionBudget', { spec }))).toEqual(causes);
  });
});

describe('a ResourceQuota', () => {
  const quota = (spec: JsonObject): JsonObject => manifest('v1 ResourceQuota', { spec });
  const scope = 'spec.scopeSelector.matchExpressions';
  it.each<[string, JsonObject, string[]]>([
    [
      'bounds',
      { hard: { pods: '1500m', cpu: '-1', things: '1' } },
      [
        'spec.hard[pods]: Invalid value: "1500m": must be an integer',
        'spec.hard[cpu]: Invalid value: "-1": must be greater than or equal to 0',
        'spec.hard[things]: Invalid value: "things": must be a standard resource type or fully qualified',
        'spec.hard[things]: Invalid value: "things": must be a standard resource for quota',
      ],
    ],
    [
      'scopes',
      { hard: { services: '1' }, scopes: ['BestEffort', 'NotBestEffort'] },
      [
        'spec.scopes: Invalid value: ["BestEffort","NotBestEffort"]: unsupported scope applied to resource',
        'spec.scopes: Invalid value: ["BestEffort","NotBestEffort"]: unsupported scope applied to resource',
        'spec.scopes: Invalid value: ["BestEffort","NotBestEffort"]: conflicting scopes',
      ],
    ],
    ['a scope that there is not', { scopes: ['Night'] }, ['spec.scopes: Invalid value: ["Night"]: unsupported scope']],
    [
      'a scope selector',
      {
        scopeSelector: {
          matchExpressions: [
            { scopeName: 'PriorityClass', operator: 'In' },
            { scopeName: 'BestEffort', operator: 'Like' },
          ],
        },
      },
      [
        `${scope}.values: Required value: must be at least one value when \`operator\` is 'In' or 'NotIn' for scope selector`,
        `${scope}.operator: Invalid value: "Like": must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity`,
        `${scope}.operator: Invalid value: "Like": not a valid selector operator`,
      ],
    ],
  ])('with %s is refused in the words of Kubernetes', (_what, spec, causes) => {
    expect(wrong(quota(spec))).toEqual(causes);
  });

  it('keeps its scopes', () => {
    const hard = { pods: '1' };
    expect(wrongUpdate(quota({ hard, scopes: ['BestEffort'] }), quota({ hard, scopes: ['NotBestEffort'] }))).toEqual([
      'spec.scopes: Invalid value: ["NotBestEffort"]: field is immutable',
    ]);
  });
});

describe('a LimitRange', () => {
  it.each<[string, JsonObject[], string[]]>([
    [
      'a type',
      [{ type: 'Thing' }, { type: 'Pod', default: { cpu: '1' } }, { type: 'Pod' }],
      [
        'spec.limits[0].type: Invalid value: "Thing": must be a standard limit type or fully qualified',
        "spec.limits[1].default: Forbidden: may not be specified when `type` is 'Pod'",
        'spec.limits[2].type: Duplicate value: "Pod"',
      ],
    ],
    [
      'no type',
      [{}],
      [
        'spec.limits[0].type: Invalid value: "": name part must be non-empty',
        `spec.limits[0].type: Invalid value: "": name part ${QUALIFIED}`,
      ],
    ],
    [
      'bounds that contradict each other',
      [{ type: 'Container', max: { cpu: '1' }, min: { cpu: '2' }, default: { cpu: '1' }, defaultRequest: { cpu: '1' } }],
      [
        'spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1',
        'spec.limits[0].defaultRequest[cpu]: Invalid value: "1": min value 2 is greater than default request value 1',
        'spec.limits[0].default[cpu]: Invalid value: "2": min value 2 is greater than default value 1',
      ],
    ],
    [
      'ratios',
      [
        { type: 'Pod', maxLimitRequestRatio: { cpu: '500m' } },
        { type: 'Container', max: { cpu: '2' }, min: { cpu: '1' }, maxLimitRequestRatio: { cpu: '3' } },
      ],
      [
        'spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "500m": ratio 500m is less than 1',
        'spec.limits[1].maxLimitRequestRatio[cpu]: Invalid value: "3": ratio 3 is greater than max/min = 2.000000',
      ],
    ],
    [
      'claims without bounds',
      [{ type: 'PersistentVolumeClaim' }],
      ['spec.limits[0].limits: Required value: either minimum or maximum storage value is required, but neither was provided'],
    ],
  ])('with %s is refused in the words of Kubernetes', (_what, limits, causes) => {
    expect(wrong(manifest('v1 LimitRange', { spec: { limits } }))).toEqual(causes);
  });
});

describe('a PriorityClass', () => {
  const priority = (fields: JsonObject, name = 'x'): JsonObject => ({
    ...manifest('scheduling.k8s.io/v1 PriorityClass', fields),
    metadata: { name },
  });

  it('of people is bounded, and keeps its value', () => {
    expect(wrong(priority({ value: 1_000_000_001, preemptionPolicy: 'Ask' }))).toEqual([
      'value: Forbidden: maximum allowed value of a user defined priority is 1000000000',
      'preemptionPolicy: Unsupported value: "Ask": supported values: "PreemptLowerPriority", "Never"',
    ]);
    expect(wrongUpdate(priority({ value: 1 }), priority({ value: 2, preemptionPolicy: 'Never' }))).toEqual([
      'value: Forbidden: may not be changed in an update.',
      'preemptionPolicy: Invalid value: "Never": field is immutable',
    ]);
  });

  it('of the system is as it is', () => {
    const reserved = "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: ";
    expect(wrong(priority({ value: 1 }, 'system-mine'))).toEqual([`${reserved}system-mine is not a known system priority class`]);
    expect(wrong(priority({ value: 1 }, 'system-node-critical'))).toEqual([
      `${reserved}value of system-node-critical PriorityClass must be 2000001000`,
    ]);
  });
});
