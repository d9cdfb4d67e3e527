// plot: lines over time on a canvas. Draws at most once a frame, in the colours of the style sheet.

const LEFT = 64;
const BOTTOM = 18;
const TOP = 6;

// The next round number: 1, 2 or 5 times a power of ten, or a power of two for bytes.
function niceCeiling(v, binary) {
	if (!(v > 0)) return 1;
	if (binary) return 2 ** Math.ceil(Math.log2(v));
	const power = 10 ** Math.floor(Math.log10(v));
	return [1, 2, 5, 10].map((f) => f * power).find((n) => n >= v);
}

export class Plot {
	// seconds: of the time axis; format: of the value axis; binary: it counts bytes; rolling: the newest is at the right edge.
	constructor(canvas, { lines, seconds, format, rolling = true, binary = false, label }) {
		this.canvas = canvas;
		this.lines = lines.map((name) => ({ name, points: [] }));
		this.seconds = seconds;
		this.format = format;
		this.rolling = rolling;
		this.binary = binary;
		this.label = label;
		this.waiting = false;
		new ResizeObserver(() => this.redraw()).observe(canvas);
		matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
	}

	clear(seconds = this.seconds) {
		this.seconds = seconds;
		for (const line of this.lines) line.points = [];
		this.redraw();
	}

	// time in seconds; one value for each line, undefined for none.
	add(time, ...values) {
		this.lines.forEach((line, i) => {
			if (values[i] !== undefined && Number.isFinite(values[i])) line.points.push([time, values[i]]);
			if (this.rolling) while (line.points.length > 2 && line.points[1][0] < time - this.seconds) line.points.shift();
		});
		const last = this.lines.map((line, i) => `${line.name} ${values[i] === undefined ? "–" : this.format(values[i])}`);
		this.canvas.setAttribute("aria-label", `${this.label}: ${last.join(", ")}`);
		this.redraw();
	}

	redraw() {
		if (this.waiting) return;
		this.waiting = true;
		requestAnimationFrame(() => {
			this.waiting = false;
			this.draw();
		});
	}

	draw() {
		const { canvas } = this;
		const ratio = devicePixelRatio || 1;
		const width = canvas.clientWidth;
		const height = canvas.clientHeight;
		if (!width || !height) return;
		canvas.width = Math.round(width * ratio);
		canvas.height = Math.round(height * ratio);
		const g = canvas.getContext("2d");
		g.scale(ratio, ratio);
		const style = getComputedStyle(canvas);
		const color = (name) => style.getPropertyValue(name).trim();
		const all = this.lines.flatMap((line) => line.points);
		const top = niceCeiling(Math.max(0, ...all.map((p) => p[1])) * 1.05, this.binary);
		const newest = Math.max(0, ...all.map((p) => p[0]));
		const from = this.rolling ? newest - this.seconds : 0;
		const x = (t) => LEFT + ((t - from) / this.seconds) * (width - LEFT - 4);
		const y = (v) => height - BOTTOM - (v / top) * (height - BOTTOM - TOP);

		g.font = `11px ${style.fontFamily}`;
		g.fillStyle = color("--soft");
		g.strokeStyle = color("--grid");
		g.lineWidth = 1;
		g.textAlign = "right";
		g.textBaseline = "middle";
		for (const part of [0, 0.5, 1]) {
			g.beginPath();
			g.moveTo(LEFT, Math.round(y(top * part)) + 0.5);
			g.lineTo(width - 4, Math.round(y(top * part)) + 0.5);
			g.stroke();
			if (all.length > 0) g.fillText(part === 0 ? "0" : this.format(top * part), LEFT - 6, y(top * part));
		}
		g.textBaseline = "alphabetic";
		g.fillText(this.rolling ? "now" : `${this.seconds} s`, width - 4, height - 4);
		g.textAlign = "left";
		g.fillText(this.rolling ? `${this.seconds} s ago` : "0 s", LEFT, height - 4);

		g.save();
		g.beginPath();
		g.rect(LEFT, 0, width - LEFT, height - BOTTOM + 1);
		g.clip();
		g.lineJoin = "round";
		g.lineWidth = 2;
		this.lines.forEach((line, i) => {
			if (line.points.length === 0) return;
			g.strokeStyle = color(`--series-${i + 1}`);
			g.setLineDash(i === 1 ? [6, 3] : []);
			g.beginPath();
			line.points.forEach(([t, v], n) => (n === 0 ? g.moveTo(x(t), y(v)) : g.lineTo(x(t), y(v))));
			g.stroke();
		});
		g.restore();
	}
}
