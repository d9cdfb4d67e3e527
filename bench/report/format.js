/* format: numbers with units for people. Four digits that mean something, in the unit that suits the number. */
'use strict';

const SCALES = {
	ns: [['ns', 1], ['µs', 1e3], ['ms', 1e6], ['s', 1e9]],
	us: [['ns', 1e-3], ['µs', 1], ['ms', 1e3], ['s', 1e6]],
	ms: [['µs', 1e-3], ['ms', 1], ['s', 1e3]],
	bytes: [['bytes', 1], ['KiB', 1024], ['MiB', 1048576]],
	KiB: [['KiB', 1], ['MiB', 1024]],
	'Mbit/s': [['Mbit/s', 1], ['Gbit/s', 1e3]],
	'messages/s': [['/s', 1], ['k/s', 1e3], ['M/s', 1e6]],
	'packets/s': [['/s', 1], ['k/s', 1e3], ['M/s', 1e6]],
	instr: [['instr.', 1], ['k instr.', 1e4, 1e3], ['M instr.', 1e7, 1e6]],
};

/* [unit, divisor] in which the value is written. A third member is the divisor where that is not the bound. */
function scale_of(value, unit) {
	let found = [unit, 1];
	for (const [name, from, divisor = from] of SCALES[unit] ?? [])
		if (Math.abs(value) >= from || name === SCALES[unit][0][0])
			found = [name, divisor];
	return found;
}

function digits(value) {
	const size = Math.abs(value);
	const after = size >= 1000 || size === 0 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : size >= 1 ? 2 : 3;
	return value.toLocaleString('en-US', { maximumFractionDigits: after });
}

const number_in = (value, [, divisor]) => digits(value / divisor);

function with_unit(value, unit) {
	const scale = scale_of(value, unit);
	return { number: number_in(value, scale), unit: scale[0] };
}

function range_text(low, high, unit) {
	const scale = scale_of(high, unit);
	return low === high ? '' : `${number_in(low, scale)} to ${number_in(high, scale)}`;
}

/* What has become of it: in percent, with the word that says whether that is good. */
function change_of(from, to, more) {
	if (from === 0)
		return to === 0 ? { text: 'same', kind: 'same' } : { text: 'from 0', kind: more ? 'better' : 'worse' };
	const percent = 100 * (to - from) / Math.abs(from);
	if (Math.abs(percent) < 0.05)
		return { text: 'same', kind: 'same' };
	const sign = percent > 0 ? '+' : '−';
	const text = Math.abs(percent) >= 1000 ? `× ${digits(to / from)}` : `${sign}${Math.abs(percent).toFixed(1)} %`;
	return { text, kind: (percent > 0) === more ? 'better' : 'worse' };
}

const day = date => date.slice(0, 10);
