// The flags of both services: `--name value`; a flag without a value is `true`. Unknown ones are refused.
export function options(defaults) {
  const given = { ...defaults };
  const rest = process.argv.slice(2);
  while (rest.length) {
    const name = rest.shift().replace(/^--/, '');
    if (!(name in defaults)) throw new Error(`unknown flag --${name}; there are: ${Object.keys(defaults).join(', ')}`);
    given[name] = rest.length && !rest[0].startsWith('--') ? rest.shift() : true;
  }
  return given;
}
