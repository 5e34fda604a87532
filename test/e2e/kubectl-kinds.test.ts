import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { type ClientResult, type Clients, fetchClients, runClient } from '../support/kubectl.ts';
import { kubectlPeers, withClients } from '../support/kubectl-peers.ts';
import { cronTabs } from '../protocol/kinds/custom/cron-tabs.ts';
import { realPeers } from '../support/real-peers.ts';
import { waitFor } from '../support/wait.ts';

/** Rights, tokens and kinds of one's own, with the real client: each command asks another peer. */
const peers = realPeers(3, 'kinds');
const real = kubectlPeers(peers);
const newest = await fetchClients('1.35');

/** What a client library does in a pod, from the files and the variables alone. */
const IN_CLUSTER = `
const [{ readFileSync }, { get }] = [require('node:fs'), require('node:https')];
const read = (name) => readFileSync('/var/run/secrets/kubernetes.io/serviceaccount/' + name, 'utf8');
const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
const ask = () => {
  const headers = { authorization: 'Bearer ' + read('token') };
  get({ host, port, path: '/api/v1/namespaces/' + read('namespace') + '/pods', ca: read('ca.crt'), headers }, (reply) => {
    let text = '';
    reply.on('data', (chunk) => (text += chunk)).on('end', () => {
      const names = (JSON.parse(text).items ?? []).map(({ metadata }) => metadata.name);
      console.log(reply.statusCode, read('namespace'), 'sees', names.join() || text);
    });
  }).on('error', (error) => console.log(error.message));
};
ask();
setInterval(ask, 500);
`;

withClients(newest, 'kubectl 1.35', (clients) => {
  const run = async (words: string, stdin?: string): Promise<ClientResult> => real.kubectl(clients, words.split(' '), { stdin });

  /** Until every peer in turn has printed it: what one was told, the next may hear of a moment later. */
  async function shows(words: string, expected: RegExp): Promise<void> {
    let last: ClientResult | undefined;
    for (let times = 0; times < 3; times += 1) {
      await waitFor(words, async () => expected.test((last = await run(words)).out + last.err), { everyMs: 200 }).catch(() => {
        throw new Error(`${words}: expected ${expected}, got ${JSON.stringify(last)}`);
      });
    }
  }

  async function does(words: string, stdin?: string): Promise<string> {
    const { code, out, err } = await run(words, stdin);
    expect({ words, code, err: code === 0 ? '' : err }).toEqual({ words, code: 0, err: '' });
    return out;
  }

  it('defines a kind, and every peer serves it', async () => {
    await does('apply -f -', JSON.stringify(cronTabs()));
    await does('wait --for condition=Established crd/crontabs.stable.example.com --timeout=10s');
    await shows('get crontabs', /No resources found|NAME/);
    const tab = (spec: object) => JSON.stringify({ apiVersion: 'stable.example.com/v1', kind: 'CronTab', metadata: { name: 'a' }, spec });
    await does('apply -f -', tab({ cronSpec: '5 * * * *', image: 'x' }));
    await shows('get ct', /NAME\s+SPEC\s+REPLICAS\s+AGE\na\s+5 \* \* \* \*\s+1\s+/);
    expect((await run('apply -f -', tab({ cronSpec: 5 }))).err).toContain('spec.cronSpec in body must be of type string');
    expect((await run('apply -f -', tab({ cronSpec: 'x', typo: 1 }))).err).toContain('unknown field "spec.typo"');
    await does('patch ct a --type=merge -p {"spec":{"image":"y"}}');
    await does('scale --replicas=4 ct/a');
    await shows('get ct a -o jsonpath={.spec.replicas}{.spec.image}', /^4y$/);
    expect(await peers.kith(1, ['get', 'ct'])).toMatch(/NAME\s+SPEC\s+REPLICAS\s+AGE\na\s+5 /);
    expect(await peers.apply(2, { ...JSON.parse(tab({ cronSpec: 'x' })), metadata: { name: 'b' } })).toBe(
      'crontab.stable.example.com/b created\n',
    );
    await does('delete crd crontabs.stable.example.com --timeout=20s');
    await shows('get crontabs.v1.stable.example.com', /doesn't have a resource type|could not find|NotFound/);
  });

  it('is told what becomes of a kind that nobody acts on yet', async () => {
    const { err, code } = await run('create ingress way --rule=a.example/x=web:80');
    expect({ code, err }).toEqual({
      code: 0,
      err: expect.stringContaining('Warning: Ingress: is kept but has no effect yet') as unknown,
    });
  });

  it('is held to what its namespace may hold, and told of the importance of pods', async () => {
    await does('create namespace tight');
    await does('-n tight create quota few --hard=pods=1,requests.cpu=1');
    const limits = { type: 'Container', defaultRequest: { cpu: '50m' }, max: { cpu: '2' }, default: { cpu: '1' } };
    await does(
      'apply -f -',
      JSON.stringify({ apiVersion: 'v1', kind: 'LimitRange', metadata: { name: 'l', namespace: 'tight' }, spec: { limits: [limits] } }),
    );
    await does('create priorityclass high --value=5');
    await shows('get priorityclass', /high\s+5\s+false[^]*system-node-critical\s+2000001000/);
    const pod = (name: string, spec: object): string =>
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, namespace: 'tight' },
        spec: { containers: [{ name: 'a', image: 'kith.dev/hello:1', ...spec }], priorityClassName: 'high' },
      });
    expect((await run('apply -f -', pod('big', { resources: { limits: { cpu: '3' } } }))).err).toContain(
      'pods "big" is forbidden: maximum cpu usage per Container is 2, but limit is 3',
    );
    await does('apply -f -', pod('one', {}));
    await shows('-n tight get pod one -o jsonpath={.spec.priority}/{.spec.containers[0].resources.requests.cpu}', /^5\/50m$/);
    expect((await run('apply -f -', pod('two', {}))).err).toContain(
      'pods "two" is forbidden: exceeded quota: few, requested: pods=1, used: pods=1, limited: pods=1',
    );
    await shows('-n tight describe quota few', /pods\s+1\s+1\n[^]*requests.cpu\s+50m\s+1/);
    await does('delete namespace tight --timeout=20s');
  });

  it('gives rights to people and programs', async () => {
    const asAnn = await client(clients, 'ann', ['dev']);
    expect((await asAnn('get pods')).err).toContain(
      'pods is forbidden: User "ann" cannot list resource "pods" in API group "" in the namespace "default"',
    );
    expect((await asAnn('auth can-i list pods')).out).toBe('no\n');
    expect((await asAnn('auth whoami')).out).toMatch(/Username\s+ann\nGroups\s+\[dev system:authenticated\]/);
    await does('create rolebinding dev --clusterrole=view --group=dev');
    await waitFor('ann may list pods', async () => (await asAnn('auth can-i list pods')).out === 'yes\n');
    expect((await asAnn('auth can-i create pods')).out).toBe('no\n');
    expect((await asAnn('create rolebinding more --clusterrole=edit --user=ann')).err).toContain('cannot create resource "rolebindings"');

    await does('create serviceaccount robot');
    await shows('get sa', /robot/);
    const token = (await does('create token robot')).trim();
    const asRobot = async (words: string) =>
      real.kubectl(clients, [...words.split(' '), '--token', token], { environment: { KUBECONFIG: await bare() } });
    expect((await asRobot('auth whoami')).out).toContain('system:serviceaccount:default:robot');
    expect((await asRobot('get pods')).code).toBe(1);
    await does('create rolebinding robot --clusterrole=view --serviceaccount=default:robot');
    await waitFor('the robot may list pods', async () => (await asRobot('get pods')).code === 0);
    await does('delete sa robot');
    await waitFor('the token counts no more', async () => /Unauthorized|logged in/.test((await asRobot('get pods')).err));
  });

  it('gives pods the token of their account, with which they reach the API where pods find it', async () => {
    await does('create serviceaccount worker');
    await does('create rolebinding worker --clusterrole=view --serviceaccount=default:worker');
    const main = { name: 'main', image: 'busybox', command: [process.execPath, '-e', IN_CLUSTER] };
    const spec = { serviceAccountName: 'worker', terminationGracePeriodSeconds: 1, containers: [main] };
    await does('apply -f -', JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'worker' }, spec }));
    await shows('logs worker', /^200 default sees worker$/m);
    const token = async (pod: string) => does(`exec ${pod} -- cat /var/run/secrets/kubernetes.io/serviceaccount/token`);
    const ofPod = await token('worker');
    const as = async (text: string, words: string) =>
      real.kubectl(clients, [...words.split(' '), '--token', text], { environment: { KUBECONFIG: await bare() } });
    expect((await as(ofPod, 'auth whoami')).out).toContain('system:serviceaccount:default:worker');
    const bound = (await does('create token worker --bound-object-kind=Pod --bound-object-name=worker')).trim();
    expect((await as(bound, 'auth whoami')).out).toContain('system:serviceaccount:default:worker');
    expect((await run('create token robot2 --bound-object-kind=Pod --bound-object-name=worker')).err).toContain('"robot2" not found');
    await does('delete pod worker');
    for (const text of [ofPod, bound])
      await waitFor('the token counts no more', async () => /Unauthorized|logged in/.test((await as(text, 'get pods')).err));
    const silent = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'silent' }, spec: { ...spec, automountServiceAccountToken: false } };
    await does('apply -f -', JSON.stringify(silent));
    await shows('logs silent', /ENOENT/);
    await does('delete pod silent --now');
  });

  it('prunes, replaces and applies folders of kustomize', async () => {
    const map = (name: string, a: string): string =>
      JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels: { set: 'p' } }, data: { a } });
    await does('apply -f -', map('kept', '1') + map('pruned', '1'));
    await shows('get configmaps -l set=p -o name', /^configmap\/kept\nconfigmap\/pruned\n$/);
    expect(await does('apply -f - --prune -l set=p --prune-allowlist=core/v1/ConfigMap', map('kept', '2'))).toBe(
      'configmap/kept configured\nconfigmap/pruned pruned\n',
    );
    const before = await does('get configmap kept -o jsonpath={.metadata.uid}');
    expect(await does('replace --force -f -', map('kept', '3'))).toContain('configmap/kept replaced\n');
    await shows('get configmap kept -o jsonpath={.data.a}', /^3$/);
    expect(await does('get configmap kept -o jsonpath={.metadata.uid}')).not.toBe(before);
    const folder = path.join(real.home, 'kustomize');
    await mkdir(folder);
    const generator = [{ name: 'made', literals: ['a=b'] }];
    await writeFile(path.join(folder, 'kustomization.yaml'), JSON.stringify({ namePrefix: 'k-', configMapGenerator: generator }));
    const made = /^configmap\/(k-made-\w+) created\n$/.exec(await does(`apply -k ${folder}`))?.[1] ?? '';
    await shows(`get configmap ${made} -o jsonpath={.data.a}`, /^b$/);
    await does(`delete -k ${folder}`);
  });

  it('tells of rights and events, and sets what workloads point to', async () => {
    const may = await does('auth can-i --list');
    expect(may).toMatch(/^Resources +Non-Resource URLs[^]*\n\*\.\* +\[\] +\[\] +\[\*\]/);
    expect(may.match(/^ +\[\*\] /gm)).toHaveLength(1);
    await does('create deployment shop --image=kith.dev/hello:1 --port=8080');
    await does('expose deployment shop --port=80 --target-port=8080');
    await shows('events --for deployment/shop', /ScalingReplicaSet +Deployment\/shop +Scaled up replica set/);
    await does('set selector service shop app=other');
    await shows('get service shop -o jsonpath={.spec.selector.app}', /^other$/);
    await does('create serviceaccount clerk');
    expect((await run('set serviceaccount deployment shop clerk')).err).toBe('');
    await does('rollout status deployment/shop --timeout=20s');
    await does('create rolebinding shop --clusterrole=view --user=ann');
    await does('set subject rolebinding shop --serviceaccount=default:clerk');
    await shows('get rolebinding shop -o wide', /ann +default\/clerk/);
    expect(await does('rollout history deployment/shop')).toMatch(/1 +<none>\n2 +<none>/);
    expect(await does('rollout undo deployment/shop --to-revision=1')).toBe('deployment.apps/shop rolled back\n');
    expect((await run('rollout undo deployment/shop --to-revision=9')).err).toContain('unable to find specified revision 9 in history');
    expect((await run('certificate approve nobody')).err).toContain(`the server doesn't have a resource type "certificatesigningrequests"`);
    await does('delete deployment,service shop');
  });

  /** A kubeconfig of the first peer without a user. */
  async function bare(): Promise<string> {
    const config = parse(await peers.kith(0, ['kubeconfig'])) as { users: { user: object }[] };
    for (const user of config.users) user.user = {};
    const file = path.join(real.home, 'bare');
    await writeFile(file, JSON.stringify(config), { mode: 0o600 });
    return file;
  }

  it('takes Events of clients, in both versions, and changes of them at any peer', async () => {
    const about = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default', name: 'kube-root-ca.crt' };
    const metadata = { name: 'told', namespace: 'default' };
    const legacy = {
      metadata,
      involvedObject: about,
      reason: 'Told',
      message: 'once',
      type: 'Normal',
      source: { component: 'c' },
      count: 1,
    };
    await does('create -f -', JSON.stringify({ apiVersion: 'v1', kind: 'Event', ...legacy }));
    await shows('events --for configmap/kube-root-ca.crt', /Normal\s+Told\s+ConfigMap\/kube-root-ca.crt\s+once/);
    await does('patch event told --type=merge -p {"count":7,"message":"seven-times"}');
    await shows('get event told -o jsonpath={.count},{.message}', /^7,seven-times$/);
    const by = {
      reportingController: 'example.com/c',
      reportingInstance: 'c-1',
      action: 'Telling',
      eventTime: '2026-01-01T00:00:00.123456Z',
    };
    const newer = { metadata: { ...metadata, name: 'newer' }, regarding: about, reason: 'Newer', note: 'of-now', type: 'Warning', ...by };
    await does('create -f -', JSON.stringify({ apiVersion: 'events.k8s.io/v1', kind: 'Event', ...newer }));
    await shows(
      'get event newer -o jsonpath={.message},{.involvedObject.name},{.eventTime}',
      /^of-now,kube-root-ca.crt,2026-01-01T00:00:00.123456Z$/,
    );
    await shows(
      'get events.v1.events.k8s.io --field-selector regarding.name=kube-root-ca.crt -o jsonpath={.items[*].note}',
      /^of-now seven-times$/,
    );
    const elsewhere = {
      ...legacy,
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'x' },
      involvedObject: { ...about, namespace: 'other' },
    };
    expect((await run('create -f -', JSON.stringify(elsewhere))).err).toContain(
      'involvedObject.namespace: Invalid value: "other": does not match event.namespace',
    );
  });
});

/** Somebody with a certificate of his own. */
async function client(clients: Clients, user: string, groups: readonly string[]): Promise<(words: string) => Promise<ClientResult>> {
  const file = path.join(real.home, user);
  await writeFile(file, await peers.kith(0, ['user', 'add', user, ...groups.flatMap((group) => ['--group', group])]), { mode: 0o600 });
  return async (words) => runClient(clients.kubectl, words.split(' '), real.home, { environment: { KUBECONFIG: file } });
}
