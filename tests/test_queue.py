"""The queue of the app's jobs: real processes that hang, crash and are cancelled."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path

import pytest
import queue_jobs as jobs
from hypothesis import given
from hypothesis import strategies as st

from earmark.classify.app.errors import BusyError, JobError
from earmark.classify.app.jobs import forecast, worker
from earmark.classify.app.jobs import pool as pools
from earmark.classify.app.jobs.forecast import starts
from earmark.classify.app.jobs.job import FairQueue
from earmark.classify.app.jobs.pool import PoolSettings
from earmark.classify.app.jobs.queue import JobQueue
from earmark.extract.batch import frames

HERE = Path(__file__).parent

PATIENCE = 60
"""Seconds after which a test gives up; nothing is expected to take so long."""


# --- Fixtures ----------------------------------------------------------------------------------


@pytest.fixture
def make(monkeypatch):
    """Make a queue whose workers find the jobs of `queue_jobs`: `make(workers=2, ...)`."""
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    made = []

    def call(workers=1, per_owner=100, in_all=200, train=None, **options):
        settings = {
            "analyse": PoolSettings(workers, eager=True, **options),
            "train": train or PoolSettings(),
        }
        made.append(JobQueue(pools=settings, per_owner=per_owner, in_all=in_all))
        return made[-1]

    yield call
    for queue in made:
        queue.close()


def until(condition):
    """Wait until something holds."""
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < end, "it never came to this"
        time.sleep(0.01)
    return found


def running(number):
    """Tell whether a process is there and not merely waited for."""
    try:
        state = Path(f"/proc/{number}/stat").read_text(encoding="ascii")
    except OSError:
        return False
    return state.rpartition(")")[2].split()[0] not in "ZX"


def read(path):
    return path.read_text(encoding="ascii") if path.exists() else ""


def submit(queue, function, *arguments, owner="me", timeout=PATIENCE, **options):
    return queue.submit(owner, function, *arguments, timeout=timeout, **options)


# --- What a job gives --------------------------------------------------------------------------


def test_a_job_gives_its_result_and_the_worker_stays(make):
    queue = make()
    job = submit(queue, jobs.add, 1, 2)
    assert job.result(PATIENCE) == 3
    assert (job.state, job.error, job.progress[0]) == ("done", "", 1.0)
    assert (job.ahead, job.wait) == (0, 0.0)
    assert (
        submit(queue, jobs.pid).result(PATIENCE)
        == submit(queue, jobs.pid).result(PATIENCE)
        != os.getpid()
    )


def test_what_libraries_print_is_no_answer_and_nobody_types(make, capfd):
    assert submit(make(), jobs.chatter).result(PATIENCE) == ""
    said = capfd.readouterr()
    assert (said.out, "this is no answer" in said.err) == ("", True)


def test_a_job_says_how_far_it_is(make):
    job = submit(make(), jobs.steps, 8)
    seen = until(lambda: job.progress[1] and job.progress)
    assert 0 <= seen[0] < 1
    assert seen[1].startswith("step ")
    assert job.state == "running"
    assert job.result(PATIENCE) == 8


def test_a_report_that_is_none_is_harmless(make):
    job = submit(make(), jobs.wild)
    fraction, text = until(lambda: job.progress[1] and job.progress)
    assert (fraction, len(text)) == (0.0, 200)


def test_workers_are_warm_and_keep_to_one_thread(make):
    queue = make(warm=jobs.warm)
    assert submit(queue, jobs.warmed).result(PATIENCE) == ("yes", "1")
    assert queue.ready


def test_a_worker_that_cannot_give_way_works_all_the_same():
    # As on Windows.
    code = "import os; del os.nice; from earmark.classify.app.jobs.worker import main; main()"
    how = '{"nice": 10, "memory": null, "warm": null}'
    with subprocess.Popen(
        [sys.executable, "-c", code, how], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert frames.read(process.stdout) == (worker.READY, b"")


def test_a_result_that_nobody_waits_for_is_not_kept(make):
    queue = make()
    job = submit(queue, jobs.sleep, 0, "x" * 1000)
    job.result(PATIENCE)
    submit(queue, jobs.pid).result(PATIENCE)
    seen = weakref.ref(job)
    del job
    gc.collect()
    assert seen() is None


def test_a_worker_retires_when_nobody_waits(make, monkeypatch):
    monkeypatch.setattr(pools, "RETIRES_AFTER", 2)
    queue = make()
    waiting_jobs = [submit(queue, jobs.pid) for _ in range(5)]
    first, *_, last = [job.result(PATIENCE) for job in waiting_jobs]
    assert first == last
    assert submit(queue, jobs.pid).result(PATIENCE) != first


# --- What goes wrong ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (jobs.crash, "ended the process that worked on it .SIGSEGV.; the file may be damaged"),
        (jobs.leave, "ended the process that worked on it .status 3."),
        (jobs.leave_by_exit, "went wrong .SystemExit: 4.; please report it"),
        (jobs.starve, "needs more memory than a job may take"),
        (jobs.refuse, "^song.mp3: is no song$"),
        (jobs.stumble, "went wrong .KeyError: 'no such key'.; please report it"),
        (jobs.odd, "went wrong .TypeError: a result cannot hold a builtins.object; give plain"),
        (jobs.lie, "the answer of the worker cannot be read"),
    ],
)
def test_what_goes_wrong_ends_its_own_job_alone(make, function, message):
    queue = make()
    job, after = submit(queue, function), submit(queue, jobs.add, 1, 2)
    with pytest.raises(JobError, match=message):
        job.result(PATIENCE)
    assert job.state == "failed"
    assert "Traceback" not in job.error
    assert after.result(PATIENCE) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts what a process allocates")
def test_a_worker_has_no_more_memory_than_it_was_given(make):
    queue = make(memory=2**30)
    with pytest.raises(JobError, match="needs more memory than a job may take"):
        submit(queue, jobs.fill).result(PATIENCE)
    assert submit(queue, jobs.add, 1, 2).result(PATIENCE) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts what a process holds")
def test_a_worker_that_grew_is_replaced(make):
    queue = make(memory=2**30)
    first, small, large, after = (
        submit(queue, jobs.keep, megabytes).result(PATIENCE) for megabytes in (1, 1, 700, 1)
    )
    assert first == small == large
    assert after != large
    until(lambda: not running(large))


def test_whoever_reads_what_strangers_bring_has_a_limit():
    assert all(settings.memory for settings in pools.usual_pools(1).values())


def test_a_job_that_takes_too_long_is_ended_though_it_never_yields(make, tmp_path):
    queue = make()
    until(lambda: queue.ready)
    job = submit(queue, jobs.hang, str(tmp_path / "pid"), timeout=1.0)
    with pytest.raises(JobError, match=r"took longer than 1 s, which is the limit here"):
        job.result(PATIENCE)
    until(lambda: not running(int(read(tmp_path / "pid"))))
    assert submit(queue, jobs.add, 1, 2).result(PATIENCE) == 3


def test_what_a_job_has_started_ends_with_it(make, tmp_path):
    queue = make()
    job = submit(queue, jobs.with_child, str(tmp_path / "pids"))
    numbers = [int(one) for one in until(lambda: read(tmp_path / "pids")).split()]
    assert all(map(running, numbers))
    job.cancel()
    until(lambda: not any(map(running, numbers)))


def test_a_worker_that_ended_while_it_was_idle_harms_nobody(make):
    queue = make()
    number = submit(queue, jobs.pid).result(PATIENCE)
    os.kill(number, signal.SIGKILL)
    until(lambda: not queue.ready)
    assert submit(queue, jobs.pid).result(PATIENCE) != number
    until(lambda: queue.ready)


def test_a_worker_that_is_ended_while_its_job_is_noted_goes_to_nobody_else(make, monkeypatch):
    queue = make()
    until(lambda: queue.ready)
    finish = pools.Pool._finish

    def late(pool, slot, *outcome):
        # As the timer of a job that was abandoned may.
        slot.process.end()
        finish(pool, slot, *outcome)

    with monkeypatch.context() as patched:
        patched.setattr(pools.Pool, "_finish", late)
        number = submit(queue, jobs.pid).result(PATIENCE)
    until(lambda: queue.ready)
    assert submit(queue, jobs.pid).result(PATIENCE) != number


def test_a_worker_that_cannot_start_is_said_and_does_not_spin(make, monkeypatch):
    begun = []
    start = PoolSettings.start
    monkeypatch.setattr(
        PoolSettings, "start", lambda settings: begun.append(settings) or start(settings)
    )
    queue = make(warm=jobs.cannot_start)
    with pytest.raises(JobError, match="no worker could be started: it ended while it started"):
        submit(queue, jobs.add, 1, 2).result(PATIENCE)
    assert len(begun) <= 2
    assert not queue.ready


def test_only_functions_of_modules_are_taken(make):
    queue = make()
    with pytest.raises(TypeError, match="is no function of a module"):
        submit(queue, lambda: 1)
    with pytest.raises(TypeError, match="is no function of a module"):
        submit(queue, Path("x").exists)


# --- Cancelling --------------------------------------------------------------------------------


def test_a_waiting_job_leaves_the_queue(make, tmp_path):
    queue = make()
    first = submit(queue, jobs.hang, str(tmp_path / "pid"))
    second, third = (
        submit(queue, jobs.touch, str(tmp_path / "second")),
        submit(queue, jobs.add, 1, 2),
    )
    until(lambda: read(tmp_path / "pid"))
    second.cancel()
    assert second.state == "cancelled"
    assert third.ahead == 0
    first.cancel()
    assert third.result(PATIENCE) == 3
    for job in (first, second):
        with pytest.raises(JobError, match="was cancelled"):
            job.result(PATIENCE)
    assert not (tmp_path / "second").exists()
    assert not running(int(read(tmp_path / "pid")))


@pytest.mark.slow
def test_a_job_that_is_nearly_done_is_let_finish_for_a_new_worker_takes_longer(make):
    queue = make(warm=jobs.warm_slowly)
    number = submit(queue, jobs.pid).result(PATIENCE)
    submit(queue, jobs.sleep, 0.2).result(PATIENCE)
    job = submit(queue, jobs.sleep, 0.2)
    until(lambda: job.state == "running")
    told = submit(queue, jobs.pid, owner="you")
    job.cancel()
    assert job.state == "cancelled"
    # The one who waits is not held up by a worker that has to start.
    assert told.result(PATIENCE) == number
    # What then takes longer than it ever did is ended all the same.
    hanging = submit(queue, jobs.sleep, 600)
    until(lambda: hanging.state == "running")
    hanging.cancel()
    assert submit(queue, jobs.pid).result(PATIENCE) != number


@pytest.mark.parametrize("wanted", [True, False])
def test_what_goes_wrong_is_logged_for_as_long_as_somebody_wants_it(make, tmp_path, caplog, wanted):
    queue = make(warm=jobs.warm_slowly)
    path = tmp_path / "table"
    path.touch()
    number = submit(queue, jobs.pid).result(PATIENCE)
    submit(queue, jobs.wait_and_read, str(path), 0.1).result(PATIENCE)
    job = submit(queue, jobs.wait_and_read, str(path), 0.1)
    until(lambda: job.state == "running")
    path.unlink()
    if not wanted:
        job.cancel()
    # The worker went on to the end of it.
    assert submit(queue, jobs.pid).result(PATIENCE) == number
    assert job.state == ("failed" if wanted else "cancelled")
    assert ("FileNotFoundError" in caplog.text) == wanted


def test_what_has_finished_is_not_cancelled(make):
    job = submit(make(), jobs.add, 1, 2)
    job.result(PATIENCE)
    job.cancel()
    assert (job.state, job.result()) == ("done", 3)


def test_cancelling_at_any_moment_harms_nobody_else(make):
    queue = make(workers=2)
    until(lambda: queue.ready)
    pairs = [
        (submit(queue, jobs.sleep, 0.02, owner="a"), submit(queue, jobs.sleep, 0, turn, owner="b"))
        for turn in range(15)
    ]
    for turn, (job, _) in enumerate(pairs):
        time.sleep(0.002 * turn)
        job.cancel()
    assert [job.result(PATIENCE) for _, job in pairs] == list(range(15))
    until(lambda: all(job.finished for job, _ in pairs))


def test_whoever_leaves_takes_all_along(make, tmp_path):
    queue = make()
    mine = [submit(queue, jobs.hang, str(tmp_path / "pid"))]
    mine += [submit(queue, jobs.add, 1, 2) for _ in range(5)]
    theirs = submit(queue, jobs.add, 1, 2, owner="you")
    until(lambda: read(tmp_path / "pid"))
    queue.leave("me")
    assert theirs.result(PATIENCE) == 3
    assert {job.state for job in mine} == {"cancelled"}


# --- Turns -------------------------------------------------------------------------------------


def test_a_single_file_does_not_wait_for_a_folder_of_five_hundred(make):
    queue = make(per_owner=500, in_all=1000)
    folder = [submit(queue, jobs.sleep, 0.02, owner="folder") for _ in range(500)]
    until(lambda: folder[0].finished)
    single = submit(queue, jobs.pid, owner="single")
    assert single.ahead <= 1
    single.result(PATIENCE)
    assert sum(job.finished for job in folder) < 50
    queue.leave("folder")


def test_a_job_goes_before_the_others_of_its_owner(make):
    queue = make()
    until(lambda: queue.ready)
    busy = submit(queue, jobs.sleep, 600)
    until(lambda: busy.state == "running")
    mine = [submit(queue, jobs.add, 1, 2) for _ in range(3)]
    theirs = submit(queue, jobs.add, 1, 2, owner="you")
    urgent = submit(queue, jobs.add, 1, 2, first=True)
    assert [one.ahead for one in (urgent, theirs, *mine)] == [0, 1, 2, 3, 4]
    queue.leave("me")


def test_a_training_does_not_hold_up_an_analysis(make, tmp_path):
    queue = make()
    training = submit(queue, jobs.hang, str(tmp_path / "pid"), pool="train")
    until(lambda: read(tmp_path / "pid"))
    assert submit(queue, jobs.add, 1, 2).result(PATIENCE) == 3
    assert training.state == "running"


def test_ten_owners_at_once_wait_no_longer_than_they_were_told(make):
    queue = make(workers=2)
    # What is not known yet is bounded by its limit alone.
    assert submit(queue, jobs.sleep, 0.1, owner="first").result(PATIENCE) is None
    until(lambda: queue.ready)
    folder = [submit(queue, jobs.sleep, 0.1, owner="folder") for _ in range(60)]
    promised, waited, counted = {}, {}, {}

    def one(owner):
        job = submit(queue, jobs.sleep, 0.1, owner=owner)
        began = time.monotonic()
        promised[owner], counted[owner] = job.wait, job.ahead
        before = time.monotonic() - began
        while job.state == "waiting":
            # Nor is anybody told less than it takes from then on.
            told = time.monotonic() - began + job.wait
            if job.state == "waiting":
                promised[owner] = min(promised[owner], told)
            time.sleep(0.005)
        waited[owner] = time.monotonic() - began - before
        job.result(PATIENCE)

    owners = [threading.Thread(target=one, args=(f"owner {number}",)) for number in range(10)]
    for owner in owners:
        owner.start()
    for owner in owners:
        owner.join(PATIENCE)
    assert len(waited) == 10
    assert all(waited[owner] <= promised[owner] for owner in waited)
    assert max(counted.values()) <= 11
    assert max(promised.values()) < 10, "an estimate that says nothing is not honest either"
    assert sum(job.finished for job in folder) < 30
    queue.leave("folder")


def test_what_was_never_measured_is_bounded_by_its_limit(make):
    queue = make()
    until(lambda: queue.ready)
    first = submit(queue, jobs.sleep, 0.5, timeout=40)
    second = submit(queue, jobs.sleep, 0.0, timeout=40)
    until(lambda: first.state == "running")
    assert 38 < second.wait < 60
    first.result(PATIENCE)
    second.result(PATIENCE)
    submit(queue, jobs.sleep, 0.5, timeout=40)
    assert submit(queue, jobs.sleep, 0.0, timeout=40).wait < 5


def test_short_jobs_say_little_of_one_that_may_take_longer(make):
    queue = make()
    until(lambda: queue.ready)
    for _ in range(3):
        submit(queue, jobs.sleep, 0, timeout=120).result(PATIENCE)
    long = submit(queue, jobs.sleep, 600, timeout=620)
    after = submit(queue, jobs.sleep, 0, timeout=120)
    assert after.wait > 450
    until(lambda: long.state == "running")
    assert after.wait > 450
    queue.leave("me")
    # Of those of like size they say much.
    submit(queue, jobs.sleep, 0, timeout=130).result(PATIENCE)
    songs = [submit(queue, jobs.sleep, 5, timeout=126 + number) for number in range(10)]
    assert songs[-1].wait < 60
    queue.leave("me")


@pytest.mark.slow
def test_who_waits_is_told_of_a_worker_that_has_to_start(make, monkeypatch):
    queue = make(train=PoolSettings(warm=jobs.warm_slowly))
    submit(queue, jobs.sleep, 0, pool="train").result(PATIENCE)
    hanging = submit(queue, jobs.sleep, 600, pool="train")
    until(lambda: hanging.state == "running")
    # A start now takes long, as far as is known.
    monkeypatch.setattr(forecast, "MARGIN", 100)
    queue.leave("me")
    first = submit(queue, jobs.sleep, 0, pool="train")
    second = submit(queue, jobs.sleep, 0, pool="train")
    until(lambda: first.state == "running")
    assert second.wait > 100
    assert second.result(PATIENCE) is None


def test_more_than_may_wait_is_refused(make):
    queue = make(per_owner=3, in_all=5)
    busy = submit(queue, jobs.sleep, 5, owner="busy")
    until(lambda: busy.state == "running")
    mine = [submit(queue, jobs.sleep, 0) for _ in range(3)]
    with pytest.raises(BusyError, match="3 jobs of yours are waiting, and more are not taken"):
        submit(queue, jobs.sleep, 0)
    mine[1].cancel()
    submit(queue, jobs.sleep, 0)
    submit(queue, jobs.sleep, 0, owner="a", pool="analyse")
    submit(queue, jobs.sleep, 0, owner="b")
    with pytest.raises(BusyError, match=r"5 jobs are waiting, .* try again in a few minutes"):
        submit(queue, jobs.sleep, 0, owner="c")


class Waiting:
    """As much of a job as a queue looks at."""

    def __init__(self, owner):
        self.owner = owner


@given(st.lists(st.integers(0, 5), max_size=40), st.data())
def test_jobs_start_in_the_order_that_was_foretold(owners, data):
    fair, left = FairQueue(), []
    for owner in owners:
        left.append(Waiting(f"{owner}"))
        fair.add(left[-1])
        if data.draw(st.booleans()):
            gone = data.draw(st.sampled_from(left))
            left.remove(gone)
            fair.remove(gone)
        elif data.draw(st.booleans()):
            left.remove(fair.take())
    assert len(fair) == len(left)
    assert [fair.count(str(owner)) for owner in range(6)] == [
        sum(job.owner == str(owner) for job in left) for owner in range(6)
    ]
    foretold = list(fair)
    assert [fair.take() for _ in left] == foretold
    assert len(fair) == 0


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.lists(st.integers(0, 5)))
def test_nobody_who_comes_later_goes_before_the_first_job_of_another(before, after):
    fair = FairQueue()
    for owner in before:
        fair.add(Waiting(f"{owner}"))
    promised = {}
    for ahead, job in enumerate(fair):
        promised.setdefault(job.owner, (ahead, job))
    for owner in after:
        fair.add(Waiting(f"{owner}"))
    order = list(fair)
    assert all(order.index(job) == ahead for ahead, job in promised.values())


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=20), st.integers(0, 3))
def test_what_goes_first_goes_before_its_owners_others_alone(before, owner):
    fair = FairQueue()
    for other, first in before:
        fair.add(Waiting(f"{other}"), first)
    old, urgent = list(fair), Waiting(f"{owner}")
    fair.add(urgent, first=True)
    new = list(fair)
    assert next(one for one in new if one.owner == urgent.owner) is urgent
    # Whose turn it is stays as it was, but that the owner has one more.
    plain = FairQueue()
    for job in [*old, urgent]:
        plain.add(job)
    assert [one.owner for one in new] == [one.owner for one in plain]
    assert [one for one in new if one.owner != urgent.owner] == [
        one for one in old if one.owner != urgent.owner
    ]


times = st.floats(0, 100)


@given(st.lists(st.tuples(times, times), min_size=1, max_size=5), st.lists(st.tuples(times, times)))
def test_upper_estimates_give_upper_estimates(free, durations):
    upper = starts([max(pair) for pair in free], [max(pair) for pair in durations])
    real = starts([pair[0] for pair in free], [pair[0] for pair in durations])
    assert all(one <= other for one, other in zip(real, upper, strict=True))
    assert upper == sorted(upper)


# --- The end -----------------------------------------------------------------------------------

SERVER = """
import os, sys, time
import queue_jobs
from earmark.classify.app.jobs.pool import PoolSettings
from earmark.classify.app.jobs.queue import JobQueue
queue = JobQueue(pools={"analyse": PoolSettings(2, eager=True)})
queue.submit("me", queue_jobs.with_child, sys.argv[1], timeout=600)
queue.submit("me", queue_jobs.hang, sys.argv[2], timeout=600)
if sys.argv[3] == "wait":
    time.sleep(600)
while not all(os.path.exists(path) and os.path.getsize(path) for path in sys.argv[1:3]):
    time.sleep(0.01)
"""


@pytest.mark.parametrize("end", [None, signal.SIGKILL])
def test_no_process_outlives_the_server(tmp_path, end):
    paths = [tmp_path / "child", tmp_path / "busy"]
    server = subprocess.Popen(
        [
            *(sys.executable, "-c", SERVER, *map(str, paths)),
            "wait" if end else "leave",
        ],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE.parent), str(HERE)])},
    )
    numbers = [int(one) for path in paths for one in until(lambda path=path: read(path)).split()]
    assert len(numbers) == 3
    if end:
        assert all(map(running, numbers))
        server.send_signal(end)
    assert server.wait(PATIENCE) == (-end if end else 0)
    until(lambda: not any(map(running, numbers)))


def test_a_closed_queue_takes_nothing_and_leaves_nobody_waiting(make, tmp_path):
    queue = make()
    first, second = submit(queue, jobs.hang, str(tmp_path / "pid")), submit(queue, jobs.add, 1, 2)
    number = int(until(lambda: read(tmp_path / "pid")))
    queue.close()
    for job in (first, second):
        with pytest.raises(JobError, match="was cancelled, for the app is closing"):
            job.result(PATIENCE)
    with pytest.raises(BusyError, match="the app is closing; start it again"):
        submit(queue, jobs.add, 1, 2)
    until(lambda: not running(number))
