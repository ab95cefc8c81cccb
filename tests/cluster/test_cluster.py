"""Guarantees of the cluster, on a real one of two nodes with fake stages."""

import inspect
import logging
import os
import pickle
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from PIL import Image

from marsam import (
    CaptionOptions,
    Painted,
    PaintOptions,
    PictureError,
    Previewed,
    PromptError,
    RunOptions,
    Studio,
    TranslateOptions,
)
from marsam.cluster import ClusterError, Plan, StageResources
from marsam.errors import QueueFull, QuotaExceeded
from marsam.testing import FakePainter, FakeTranslator, fake_studio
from tests.cluster.conftest import FAKES, IDLE, NODE, Lines, pid_of, until
from tests.cluster.fakes import DAMAGED, DEFECT, QUOTA, SlowPainter


def picture(width: int, height: int) -> Image.Image:
    return Image.new("RGB", (width, height), (width % 256, height % 256, 0))


def pixels(studio: Studio, prompt: str, options: PaintOptions) -> list[tuple[int, int, bytes]]:
    """Return the index, the seed and the pixels of each painted picture."""
    painted = [e for e in studio.painter.paint(prompt, options) if isinstance(e, Painted)]
    return [
        (e.picture.index, e.picture.seed, e.picture.image.tobytes())
        for e in painted
        if e.picture.image is not None
    ]


def alone(prompt: str, options: PaintOptions) -> list[tuple[int, int, bytes]]:
    """The same, from a painter in this process."""
    here = replace(fake_studio(), painter=FakePainter(steps=SlowPainter.steps))
    return pixels(here, prompt, options)


def test_a_run_has_the_same_events_as_in_one_process(slow: Studio) -> None:
    options = RunOptions(paint=PaintOptions(pictures=2, seed=5, steps=3, preview_every=1))
    events = list(slow.stream(picture(40, 30), options))
    names = [type(event).__name__ for event in events]
    one = ["Previewed"] * 3 + ["Painted", "Checked"]
    assert names == ["Captioned", "Translated", "Prompted", *one, *one, "Finished"]
    steps = [(e.index, e.step) for e in events if isinstance(e, Previewed)]
    assert steps == [(i, step) for i in (0, 1) for step in (1, 2, 3)]
    sketches = [e.image for e in events if isinstance(e, Previewed)]
    assert [s.size for s in sketches if s] == [(16, 16)] * 6
    assert slow.names == {
        "captioner": "fake-captioner",
        "translator": "fake-translator",
        "painter": "fake-painter",
    }


def test_pictures_of_a_run_are_painted_on_both_nodes(slow: Studio, lines: Lines) -> None:
    options = PaintOptions(pictures=4, seed=11)
    assert pixels(slow, "side by side", options) == alone("side by side", options)
    assert len({pid_of(row) for row in lines("done", "side by side")}) == 2


def test_without_a_seed_the_pictures_have_consecutive_seeds(slow: Studio) -> None:
    results = pixels(slow, "by chance", PaintOptions(pictures=2))
    assert results[1][1] == results[0][1] + 1
    assert results == pixels(slow, "by chance", PaintOptions(pictures=2, seed=results[0][1]))


def test_prompts_are_measured_and_recipes_and_languages_known(slow: Studio) -> None:
    assert slow.painter.measure("five words of a prompt").tokens == 7
    assert slow.translator.targets() == FakeTranslator().targets()
    with pytest.raises(PromptError):
        next(slow.painter.paint("  ", PaintOptions()))


def test_concurrent_requests_are_batched(slow: Studio, lines: Lines) -> None:
    sizes = [(20 + n, 30) for n in range(12)]
    results = slow.captioner.caption_many([picture(*size) for size in sizes], CaptionOptions())
    assert [captions[0].text for captions in results] == [f"{w} by {h}" for w, h in sizes]
    assert len(lines("captions")) < len(sizes)


def test_a_failed_request_does_not_affect_its_batch(slow: Studio) -> None:
    with ThreadPoolExecutor(6) as pool:
        sizes = [(20, 20), DAMAGED, (21, 21), DEFECT, QUOTA, (22, 22)]
        asked = [
            pool.submit(slow.captioner.caption, picture(*size), CaptionOptions()) for size in sizes
        ]
        assert [asked[n].result()[0].text for n in (0, 2, 5)] == [
            "20 by 20",
            "21 by 21",
            "22 by 22",
        ]
        with pytest.raises(PictureError, match="This picture is damaged"):
            asked[1].result()
        with pytest.raises(ValueError, match="a defect"):
            asked[3].result()
        with pytest.raises(QuotaExceeded) as refused:
            asked[4].result()
    assert refused.value.seconds == 77
    assert type(refused.value) is QuotaExceeded


def test_requests_with_different_options_are_separate_batches(slow: Studio) -> None:
    into = ("fra_Latn", "deu_Latn")
    with ThreadPoolExecutor(4) as pool:
        asked = [
            pool.submit(
                slow.translator.translate, f"text {n}", TranslateOptions(target=into[n % 2])
            )
            for n in range(4)
        ]
        assert [a.result().text for a in asked] == [f"[{into[n % 2]}] text {n}" for n in range(4)]
    with pytest.raises(PromptError, match="empty"):
        slow.translator.translate_many(["good", " "], TranslateOptions())


def test_closing_the_iterator_cancels_the_requests(slow: Studio, lines: Lines) -> None:
    options = PaintOptions(pictures=4, seed=100, steps=200)
    with closing(slow.painter.paint("unwanted", options)) as events:  # type: ignore[type-var]
        assert isinstance(next(events), Previewed)
        until(lambda: len(lines("begin", "unwanted")) == 2)
    until(lambda: len(lines("closed", "unwanted")) == 2)
    assert pixels(slow, "wanted", PaintOptions(pictures=2, seed=1))
    assert not lines("done", "unwanted")
    assert len(lines("begin", "unwanted")) == 2  # the waiting ones never started


def test_a_replica_lost_while_painting_is_retried(slow: Studio, lines: Lines) -> None:
    options = PaintOptions(pictures=3, seed=40)
    steps, killed = [], False
    painted = []
    for event in slow.painter.paint("survivor", options):
        if isinstance(event, Painted):
            painted.append(event.picture)
        else:
            steps.append((event.index, event.step))
        if not killed and event == Previewed(index=0, step=4, steps=8):
            killed = True
            os.kill(pid_of(lines("begin", "survivor", 40)[0]), signal.SIGKILL)
    assert [(p.index, p.seed, p.image.tobytes()) for p in painted if p.image] == alone(
        "survivor", options
    )
    assert steps == [(i, step) for i in range(3) for step in range(1, 9)]
    assert len(lines("begin", "survivor", 40)) == 2
    for seed in (40, 41, 42):  # finished pictures are not painted again
        assert len(lines("done", "survivor", seed)) == 1


def test_a_replica_lost_after_its_last_step_causes_no_retry(slow: Studio) -> None:
    from marsam.cluster.remote_stages import _events_of

    (*_, painted) = slow.painter.paint("last", PaintOptions(pictures=1, seed=4))

    class Lost:
        workers_lost = 0

        def stream(self, *, wait_if_full: bool) -> Iterator[Any]:
            yield [painted]
            self.workers_lost = 1  # another one starts again
            yield [painted]

    assert list(_events_of(0, cast(Any, Lost()))) == [painted]


def test_a_captioner_lost_while_captioning_is_retried(slow: Studio, lines: Lines) -> None:
    with ThreadPoolExecutor(4) as pool:
        asked = [
            pool.submit(slow.captioner.caption, picture(50 + n, 50), CaptionOptions())
            for n in range(4)
        ]
        os.kill(pid_of(until(lambda: lines("captions"))[0]), signal.SIGKILL)
        assert [a.result()[0].text for a in asked] == [f"{50 + n} by 50" for n in range(4)]


def test_a_node_lost_under_load(cluster: Any, slow: Studio, lines: Lines) -> None:
    def run(number: int) -> list[tuple[int, int, bytes]]:
        result = slow.run(prompt=f"load {number}", pictures=3, seed=10 * number)
        return [(p.index, p.seed, p.image.tobytes()) for p in result.pictures if p.image]

    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(run, number) for number in range(6)]
        until(lambda: len([row for row in lines("done") if row[1].startswith("load")]) >= 3)
        cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)
        try:
            results = [each.result() for each in runs]
        finally:
            cluster.add_node(**NODE)
    for number, pictures in enumerate(results):
        options = PaintOptions(pictures=3, seed=10 * number)
        assert pictures == alone(f"load {number}", options)


def test_a_full_queue_refuses_new_runs_only(reach: Callable[..., Studio], lines: Lines) -> None:
    import ray.serve

    narrow = reach(
        "narrow",
        Plan(
            studio=FAKES,
            captioner=IDLE,
            translator=IDLE,
            painter=StageResources(max_queued=1, cpus=0.1),
        ),
    )
    long = PaintOptions(pictures=1, seed=0, steps=200)
    first: Any = narrow.painter.paint("first", long)
    with ThreadPoolExecutor(3) as pool, closing(first):
        next(first)  # one is painted, one may wait; of three more, two are refused
        small = PaintOptions(pictures=1, seed=1, steps=1)
        others = [pool.submit(pixels, narrow, f"other {n}", small) for n in range(3)]
        until(lambda: sum(other.done() for other in others) == 2)
        refused = [other.exception() for other in others if other.done()]
        assert [type(error) for error in refused] == [QueueFull] * 2
        first.close()
        assert sum(other.exception() is None for other in others) == 1
    # A run of more pictures than may wait is not refused.
    options = PaintOptions(pictures=5, seed=3, steps=3)
    assert pixels(narrow, "many", options) == alone("many", options)
    ray.serve.delete("narrow")


def test_nobody_is_warned_of_requests_that_wait(slow: Studio) -> None:
    """Serve logs one after fifty attempts, a quarter of a minute; the text is Serve's own."""
    assert slow.painter  # connected
    from ray.serve._private.request_router import request_router

    sentence = "Failed to route request after "
    assert sentence in inspect.getsource(request_router)
    serve = request_router.logger
    assert serve.isEnabledFor(logging.WARNING)

    def is_logged(text: str) -> bool:
        record = serve.makeRecord(serve.name, logging.WARNING, __file__, 1, text, (), None)
        return bool(serve.filter(record))

    assert not is_logged(f"{sentence}50 attempts over 14.23s. Retrying.")
    assert is_logged("Something is wrong.")


def test_a_failed_start_is_one_sentence(
    reach: Callable[..., Studio], monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray.serve

    monkeypatch.setattr("marsam.cluster.app.MAX_START_FAILURES", 1)
    with pytest.raises(ClusterError, match="Nothing can be made of this"):
        reach("broken", Plan(studio="tests.cluster.fakes:broken", captioner=IDLE, translator=IDLE))
    ray.serve.delete("broken")


def test_a_running_application_is_used_as_it_is(reach: Callable[..., Studio], slow: Studio) -> None:
    assert reach("slow").names == slow.names


def test_errors_can_be_pickled() -> None:
    for error in (QueueFull("Later.", seconds=9), PictureError("Damaged."), PromptError("Empty.")):
        back = pickle.loads(pickle.dumps(error))
        assert (type(back), str(back)) == (type(error), str(error))
        assert vars(back) == vars(error)


def test_serve_yaml_is_valid_for_serve_and_marsam(slow: Studio) -> None:
    import yaml  # type: ignore[import-untyped]  # Ray brings it
    from ray.serve import Application
    from ray.serve.schema import ServeDeploySchema

    import marsam.cluster
    from marsam.cluster.app import build
    from marsam.cluster.plan import APPLICATION

    text = Path(marsam.cluster.__file__).with_name("serve.yaml").read_text(encoding="utf-8")
    schema = ServeDeploySchema.model_validate(yaml.safe_load(text))
    (application,) = schema.applications
    assert application.name == APPLICATION
    assert application.import_path == f"{build.__module__}:{build.__name__}"
    plan = Plan.model_validate(application.args)
    assert plan.painter.max_replicas == 8
    assert isinstance(build(plan), Application)
