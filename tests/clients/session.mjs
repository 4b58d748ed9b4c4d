// A FHIR client that knows nothing of this project (fhir-kit-client) drives a gateway through a day's work.
//
//   npm ci --omit=dev && node session.mjs path/to/kakehashi
//
// Starts the program on a free port with a database of its own; ends non-zero at the first mismatch.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Client } from 'fhir-kit-client';

const here = dirname(fileURLToPath(import.meta.url));
const program = process.argv[2] ?? join(here, '../../target/debug/kakehashi');
const BED = 'https://kakehashi.example/fhir/IdSystem/bed';

/** Starts the gateway; answers its base address and how to stop it. */
async function start(folder) {
  const args = ['serve', '--listen', '127.0.0.1:0', '--database-url', `sqlite://${join(folder, 'session.db')}`];
  const server = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  server.stderr.on('data', (data) => { said += data; });
  const ended = new Promise((resolve) => { server.on('exit', resolve); server.on('error', resolve); });
  const address = new Promise((resolve) => {
    let out = '';
    server.stdout.on('data', (data) => {
      out += data;
      const found = out.match(/serves FHIR R4 at (\S+)/);
      if (found) resolve(found[1]);
    });
  });
  const late = new Promise((resolve) => setTimeout(resolve, 60_000).unref());
  const base = await Promise.race([address, ended, late]);
  if (typeof base !== 'string') throw new Error(`the gateway did not start: ${said}`);
  const stop = async () => { server.kill('SIGTERM'); return ended; };
  return { base, stop };
}

function told(what) {
  console.log(`ok  ${what}`);
}

/** The refusal that the client meets: its status, and an OperationOutcome. */
async function refused(status, attempt) {
  await assert.rejects(attempt, (error) => {
    assert.equal(error.response.status, status);
    assert.equal(error.response.data.resourceType, 'OperationOutcome');
    return true;
  });
}

const bed = (id, status) => ({
  resourceType: 'Location',
  id,
  extension: [{ url: 'https://kakehashi.example/fhir/StructureDefinition/as-of', valueInstant: '2026-04-01T09:00:00+09:00' }],
  identifier: [{ system: BED, value: `2799999999-3E-${id}` }],
  status: 'active',
  operationalStatus: { system: 'http://terminology.hl7.org/CodeSystem/v2-0116', code: status },
  name: '301号室 1番',
  mode: 'instance',
  type: [{ coding: [{ system: 'https://kakehashi.example/fhir/CodeSystem/location-role', code: 'bed' }] }],
  physicalType: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/location-physical-type', code: 'bd' }] },
  partOf: { reference: 'Location/ward-3e' },
});

async function session(client) {
  const statement = await client.capabilityStatement();
  assert.equal(statement.fhirVersion, '4.0.1');
  told(`capability statement: ${statement.rest[0].resource.length} types`);

  const ward = { resourceType: 'Location', name: '3階東病棟', status: 'active', identifier: [{ system: 'urn:example', value: 'w1' }] };
  const created = await client.create({ resourceType: 'Location', body: ward });
  assert.equal(created.meta.versionId, '1');
  assert.equal(created.name, ward.name);
  told('create');

  const ifNone = { headers: { 'If-None-Exist': 'identifier=urn:example|w1' } };
  const again = await client.create({ resourceType: 'Location', body: ward, options: ifNone });
  assert.equal(again.id, created.id);
  told('conditional create answers the resource that is there');

  const first = await client.update({ resourceType: 'Location', id: 'bed-1', body: bed('bed-1', 'U') });
  assert.equal(first.meta.versionId, '1');
  const ifMatch = { headers: { 'If-Match': 'W/"1"' } };
  const second = await client.update({ resourceType: 'Location', id: 'bed-1', body: bed('bed-1', 'O'), options: ifMatch });
  assert.equal(second.meta.versionId, '2');
  await refused(412, () =>
    client.update({ resourceType: 'Location', id: 'bed-1', body: bed('bed-1', 'U'), options: ifMatch }));
  told('update as create, update with If-Match, and 412 where it is stale');

  const byIdentifier = { identifier: `${BED}|2799999999-3E-bed-2` };
  const third = await client.update({ resourceType: 'Location', searchParams: byIdentifier, body: bed('bed-2', 'H') });
  assert.equal(third.operationalStatus.code, 'H');
  told('conditional update by identifier');

  const found = await client.search({ resourceType: 'Location', searchParams: byIdentifier });
  assert.equal(found.total, 1);
  assert.equal(found.entry[0].resource.id, third.id);
  told('search by identifier');

  const patched = await client.patch({
    resourceType: 'Location',
    id: 'bed-1',
    jsonPatch: [{ op: 'replace', path: '/operationalStatus/code', value: 'K' }],
  });
  assert.equal(patched.operationalStatus.code, 'K');
  assert.equal(patched.meta.versionId, '3');
  told('JSON Patch');

  const history = await client.history({ resourceType: 'Location', id: 'bed-1' });
  assert.deepEqual(history.entry.map((entry) => entry.resource.operationalStatus.code), ['K', 'O', 'U']);
  assert.deepEqual(history.entry.map((entry) => entry.request.method), ['PUT', 'PUT', 'PUT']);
  const old = await client.vread({ resourceType: 'Location', id: 'bed-1', version: '2' });
  assert.equal(old.operationalStatus.code, 'O');
  told('history and vread');

  await refused(422, () =>
    client.update({ resourceType: 'Location', id: 'bed-1', body: { ...bed('bed-1', 'U'), operationalStatus: undefined } }));
  assert.equal((await client.read({ resourceType: 'Location', id: 'bed-1' })).meta.versionId, '3');
  told('a bed without its status is 422 and changes nothing');

  const bundle = JSON.parse(await readFile(join(here, '../../docs/examples/referral-bundle.json'), 'utf8'));
  const answer = await client.transaction({ body: bundle });
  assert.equal(answer.type, 'transaction-response');
  assert.deepEqual(answer.entry.map((entry) => entry.response.status.slice(0, 3)), bundle.entry.map(() => '201'));
  const places = answer.entry.map((entry) => entry.response.location.match(/([A-Z]\w+\/[^/]+)\/_history/)[1]);
  const [patient, request] = places;
  const [, id] = request.split('/');
  const referral = await client.read({ resourceType: 'ServiceRequest', id });
  assert.equal(referral.subject.reference, patient);
  const task = await client.read({ resourceType: 'Task', id: places[2].split('/')[1] });
  assert.equal(task.focus.reference, request);
  told('transaction: a referral with its patient and offers, linked');

  const repeated = await client.transaction({ body: bundle });
  assert.ok(repeated.entry.every((entry) => entry.response.status.startsWith('200')));
  told('the same Bundle again makes nothing twice');

  bundle.entry.push({ resource: { resourceType: 'Task' }, request: { method: 'POST', url: 'Task' } });
  bundle.entry[0].request.ifNoneExist = 'identifier=urn:example|nobody';
  await refused(422, () => client.transaction({ body: bundle }));
  const nobody = await client.search({ resourceType: 'Patient', searchParams: { _total: 'accurate' } });
  assert.equal(nobody.total, 1);
  told('a transaction with one bad entry stores nothing');

  await client.delete({ resourceType: 'Location', id: 'bed-2' });
  await refused(410, () => client.read({ resourceType: 'Location', id: 'bed-2' }));
  told('delete, then 410');
}

const folder = await mkdtemp(join(tmpdir(), 'kakehashi-session-'));
try {
  const { base, stop } = await start(folder);
  try {
    await session(new Client({ baseUrl: base }));
  } finally {
    assert.equal(await stop(), 0);
  }
  told('the gateway stopped in good order');
} finally {
  await rm(folder, { recursive: true });
}
