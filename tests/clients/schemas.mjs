// A JSON Schema validator that knows nothing of this project (Ajv, in its strict mode) runs the published schemas.
//
//   npm ci --omit=dev && node schemas.mjs path/to/kakehashi
//
// Valid examples must be valid by their profile and by their base type. Invalid ones must be invalid, or the schema must
// say of their rule that it goes unseen. Ends non-zero where that is not so.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Ajv2020 } from 'ajv/dist/2020.js';

const here = dirname(fileURLToPath(import.meta.url));
const program = process.argv[2] ?? join(here, '../../target/debug/kakehashi');
const definitions = join(here, '../../fhir-profiles');
const OWN = 'https://kakehashi.example/fhir/StructureDefinition/';

const run = (...args) => execFileSync(program, ['profiles', ...args, '--profiles', definitions], { encoding: 'utf8' });
const read = (...path) => JSON.parse(readFileSync(join(definitions, ...path), 'utf8'));

/** Name to schema and check; each schema stands for itself, so each has a validator of its own. */
const known = new Map();
function schema(name) {
  if (!known.has(name)) {
    const content = JSON.parse(run('schema', name));
    // strictRequired would have each `required` repeat the `properties` that stand a level above.
    const ajv = new Ajv2020({ strict: true, strictRequired: false, allErrors: true });
    assert(ajv.validateSchema(content), `${name}: ${ajv.errorsText()}`);
    known.set(name, { content, check: ajv.compile(content) });
  }
  return known.get(name);
}

const profiles = run('list').trim().split('\n').map((line) => line.split('\t'));
for (const [canonical, , , state] of profiles) {
  assert.equal(state, 'loaded', canonical);
  schema(canonical);
}
const onResources = new Set(profiles.filter(([, type]) => type !== 'Extension').map(([canonical]) => canonical));

let valid = 0;
for (const file of readdirSync(join(definitions, 'examples')).filter((name) => name.endsWith('.json'))) {
  const resource = read('examples', file);
  const profile = OWN + file.split('--')[0];
  for (const name of [resource.resourceType, ...(onResources.has(profile) ? [profile] : [])]) {
    const { check } = schema(name);
    assert(check(resource), `${file} by ${name}: ${JSON.stringify(check.errors)}`);
    valid += 1;
  }
}

/** The tables of expected.toml: strings alone. */
const text = readFileSync(join(definitions, 'examples/invalid/expected.toml'), 'utf8');
const cases = text.split('[[case]]').slice(1)
  .map((part) => Object.fromEntries([...part.matchAll(/^(\w+) = "(.*)"$/gm)].map(([, key, value]) => [key, value])));
let refused = 0;
let unseen = 0;
for (const { file, profile, element, rule } of cases) {
  const { check, content } = schema(profile);
  if (!check(read('examples/invalid', file))) {
    refused += 1;
  } else {
    assert(content.$comment.split('\n').includes(`${rule} at ${element}`), `${file} is taken without a word`);
    unseen += 1;
  }
}
assert(cases.length > 100 && valid > 50 && refused > 5 * unseen, `${cases.length}, ${valid}, ${refused}, ${unseen}`);
console.log(`${known.size} schemas; ${valid} checks of valid examples; ${refused} invalid refused, ${unseen} said to go unseen`);
