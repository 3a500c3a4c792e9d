"""Jobs of this session: submitted once, with their progress and a stop button."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from earmark.classify.app import session
from earmark.classify.app.settings import app_settings
from earmark.classify.app.widgets import theme, waiting
from earmark.classify.app.widgets.waiting import POLL

if TYPE_CHECKING:
    from collections.abc import Callable

    from earmark.classify.app.jobs.queue import Job

__all__ = ["session_job", "submit", "unfinished"]


def session_job(
    key: str,
    function: Any,
    *arguments: Any,
    stamps: object = None,
    pool: str = "train",
    timeout: float | None = None,
) -> Job:
    """Return the job of this session under a key; another function or arguments replace it.

    Parameters
    ----------
    key : str
        The session key that keeps the job.
    function, *arguments
        What a worker calls.
    stamps : object
        Versions of the files: the job is submitted again when they change.
    pool : str
        The pool of workers.
    timeout : float, optional
        Seconds; by default as many as a training may take.
    """
    current: tuple[object, Job] | None = st.session_state.get(key)
    request = [*arguments, stamps]
    if current is None or current[0] != request:
        if current is not None:
            current[1].cancel()
        job = submit(function, *arguments, pool=pool, timeout=timeout)
        st.session_state[key] = request, job
        return job
    return current[1]


def submit(
    function: Any, *arguments: Any, pool: str = "train", timeout: float | None = None
) -> Job:
    """Submit a job of this session.

    By default it waits among the trainings, and may take as long as one.
    """
    timeout = timeout or app_settings().training_seconds
    return session.queue().submit(session.owner(), function, *arguments, timeout=timeout, pool=pool)


def unfinished(job: Job, key: str, forget: Callable[[], object]) -> bool:
    """Show the progress of a job, with a stop button; False once it has a result.

    Parameters
    ----------
    job : Job
        A job of any session. One of another session is not stopped: this session only waits for it
        no longer.
    key : str
        Prefix of the session keys: of the job that was stopped here, and of the buttons.
    forget : callable
        Makes way for another job where this one has not come to a result.
    """
    if job.state == "done":
        return False
    if not job.finished and st.session_state.get(f"{key} stopped") is not job:
        theme.fragment(_waiting, POLL)(job, key)
        return True
    if job.state == "failed":
        theme.show_error(job.error)
    else:
        st.caption("Stopped.")
    if st.button("Try again", icon=":material/refresh:", key=f"{key} again"):
        st.session_state.pop(f"{key} stopped", None)
        if job.finished:
            forget()
        st.rerun()
    return True


def _waiting(job: Job, key: str) -> None:
    share, text = job.progress
    if waiting.progress_bar(
        share, waiting.queue_position(job) or f"{theme.plain(text) or 'waiting'}…", f"{key} stop"
    ):
        st.session_state[f"{key} stopped"] = job
        if job.owner == session.owner():
            job.cancel()
        st.rerun()
    if job.finished:
        # The whole page is drawn once more, and this fragment no longer.
        st.rerun()
