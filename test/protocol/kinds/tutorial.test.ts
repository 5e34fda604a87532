import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseManifest } from '../../../protocol/manifest/parse.ts';
import { admit, refuse } from './objects.ts';

/** Manifests of a Kubernetes tutorial of 2017, as they are written there. */
const TUTORIAL = [
  'pod',
  'pod-label',
  'pod-label-2',
  'deployment-prod',
  'deployment-dev',
  'deployment-dev-update',
  'replication-controller',
];

function read(name: string): ReturnType<typeof parseManifest> {
  return parseManifest(readFileSync(new URL(`./tutorial/${name}.yaml`, import.meta.url), 'utf8'), `${name}.yaml`);
}

describe('the manifests of the tutorial', () => {
  it.each(TUTORIAL)('%s.yaml is taken as it is written', (name) => {
    const { documents, errors } = read(name);
    expect(errors).toEqual([]);
    expect(documents).toHaveLength(1);
    const { object, warnings } = admit(documents[0]?.value);
    expect(object).toMatchSnapshot();
    const old = name.startsWith('deployment');
    expect(warnings).toEqual(
      old ? ['extensions/v1beta1 Deployment is deprecated in v1.8+, unavailable in v1.16+; use apps/v1 Deployment'] : [],
    );
    expect(admit(object).object).toEqual(object);
  });

  it('are refused with the line when they are spoilt', () => {
    const text = readFileSync(new URL('./tutorial/replication-controller.yaml', import.meta.url), 'utf8');
    const [document] = parseManifest(
      text.replace('replicas: 3', 'replicas: many').replace('image: nginx', 'imag: nginx'),
      'rc.yaml',
    ).documents;
    const typed = refuse(document?.value);
    expect(`${document?.at(typed.causes[0]?.field ?? '')}: ${typed.causes[0]?.message}`).toBe(
      'rc.yaml:6: json: cannot unmarshal string into Go struct field ReplicationControllerSpec.spec.replicas of type int32',
    );
    const [other] = parseManifest(text.replace('image: nginx', 'imag: nginx'), 'rc.yaml').documents;
    const unknown = refuse(other?.value);
    expect(`${other?.at(unknown.causes[0]?.field ?? '')}: ${unknown.causes[0]?.message}`).toBe(
      'rc.yaml:17: unknown field "spec.template.spec.containers[0].imag"',
    );
  });
});
