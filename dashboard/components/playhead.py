"""A line that runs over a timeline's charts with the player above it; a click on the charts moves
the player there.
"""

from collections.abc import Sequence

import streamlit as st

from dashboard.i18n.text import t

TIMELINE = "timeline"
"""The key of the container that holds the charts; Streamlit makes a class of it."""

# The charts are drawn as SVG: the background of a chart's root group is where its seconds go from 0
# to the end.
SCRIPT = """
const SPAN = 'svg .role-frame.root > g > path.background';
const clock = s => Math.floor(s / 60) + ':' + String(Math.floor(s % 60)).padStart(2, '0');

export default function ({ data, parentElement }) {
  const now = parentElement.querySelector('.now');
  const main = document.querySelector('[data-testid=stMain]');
  const players = () => [...main.querySelectorAll('video, audio')];
  const charts = () => main.querySelector('.st-key-' + data.timeline);
  const line = document.createElement('div');
  line.className = 'vmt-playhead';
  line.style.cssText =
    'position:absolute;top:0;bottom:0;width:2px;background:#d55e00;' +
    'pointer-events:none;z-index:2;display:none';
  let heard = null;
  let frame = 0;

  const started = event => { if (players().includes(event.target)) heard = event.target; };
  const second = (box, x) => Math.min(Math.max((x - box.left) / box.width, 0), 1) * data.duration;
  const clicked = event => {
    const area = charts()?.querySelector(SPAN);
    const player = heard ?? players()[0];
    if (!area || !player || event.target.closest('details, button')) return;
    const box = area.getBoundingClientRect();
    if (event.clientX >= box.left && event.clientX <= box.right)
      player.currentTime = second(box, event.clientX);
  };
  const draw = () => {
    frame = requestAnimationFrame(draw);
    const holder = charts();
    const area = holder?.querySelector(SPAN);
    const player = heard?.isConnected ? heard : players()[0];
    if (!area || !player) return;
    if (line.parentElement !== holder) {
      holder.style.position = 'relative';
      holder.appendChild(line);
      holder.addEventListener('click', clicked);
    }
    const box = area.getBoundingClientRect();
    const share = Math.min(player.currentTime / data.duration, 1);
    line.style.display = 'block';
    line.style.left = box.left - holder.getBoundingClientRect().left + share * box.width - 1 + 'px';
    const at = Math.min(Math.floor(player.currentTime), data.chords.length - 1);
    const parts = [clock(player.currentTime), data.chords[at], data.emotions[at]];
    const words = parts.filter(Boolean).join(' · ');
    if (now.textContent !== words) now.textContent = words;
  };
  document.addEventListener('play', started, true);
  draw();
  return () => {
    cancelAnimationFrame(frame);
    document.removeEventListener('play', started, true);
    charts()?.removeEventListener('click', clicked);
    line.remove();
  };
}
"""
MARKUP = '<div class="now" role="status" aria-live="off"></div>'
STYLE = (
    ".now { color: var(--st-text-color); font: 600 1.05rem var(--st-font); min-height: 1.5rem; }"
)


def show_playhead(chords: Sequence[str], emotions: Sequence[str], duration_s: float) -> None:
    """The second that is heard, with its chord and strongest emotion; the line stands in the
    container `TIMELINE`.

    Args:
        chords: one a second.
        emotions: one a second, or none.
        duration_s: of the film, the length of the charts' axis.
    """
    mount = st.components.v2.component("vmt-playhead", html=MARKUP, css=STYLE, js=SCRIPT)
    mount(
        key="playhead",
        data={
            "timeline": TIMELINE,
            "chords": list(chords),
            "emotions": list(emotions),
            "duration": duration_s,
        },
    )
    st.caption(t("playhead.meaning"))
