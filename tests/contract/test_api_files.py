"""Files over HTTP."""

from __future__ import annotations

from io import BytesIO
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.models import User
from jobs.models import File
from jobs.running import RunningJob
from jobs.states import State
from tests.contract.client import API, Program, places, problem
from tests.testapp.tasks import Echo, echo


def upload(api: Program, content: bytes = b"iata,name\n", name: str = "a.csv", content_type: str = "text/csv") -> Any:
    return api.post(f"{API}/files", {"file": SimpleUploadedFile(name, content, content_type)})


def test_a_file_comes_back_as_it_was_sent(api: Program) -> None:
    content = bytes(range(256)) * 10
    response = upload(api, content)
    body = response.json()
    assert (response.status_code, response["Location"]) == (201, body["links"]["self"])
    assert (body["name"], body["size"], body["content_type"], body["job"]) == ("a.csv", 2560, "text/csv", None)
    assert api.see(body["links"]["self"]).json() == body
    assert api.see(body["links"]["content"]).content == content


def test_a_file_is_saved_by_browsers_and_never_shown(api: Program) -> None:
    links = upload(api, b"<script>alert(1)</script>", 'ümläut "1".html', "text/html").json()["links"]
    response = api.see(links["content"], Accept="text/html")
    assert response["Content-Disposition"].startswith("attachment; filename*=utf-8''%C3%BCml%C3%A4ut")
    assert response["X-Content-Type-Options"] == "nosniff"


def test_a_file_named_across_lines_is_served_under_one_line(api: Program) -> None:
    file = File.objects.create(owner=api.user, name="a\r\nSet-Cookie: b", content_type="text/csv", size=1, content=b"x")
    response = api.see(f"/files/{file.id}/content")
    assert response["Content-Disposition"] == 'attachment; filename="aSet-Cookie: b"'


@pytest.mark.parametrize("content_type", ["", "x", "text/csv\r\nX-Evil: 1", "a/" + "b" * 200])
def test_a_media_type_that_is_none_becomes_any(api: Program, content_type: str) -> None:
    body = upload(api, content_type=content_type).json()
    assert body["content_type"] in ("application/octet-stream", "text/csv")


@pytest.mark.covers(103)
@pytest.mark.parametrize("suffix", ["", "/content"])
def test_another_users_file_is_as_unknown_as_one_that_never_was(api: Program, bobs_api: Program, suffix: str) -> None:
    bobs = upload(bobs_api).json()["id"]
    for file_id in (bobs, uuid4(), "not-a-uuid"):
        assert problem(api.see(f"/files/{file_id}{suffix}")) == (404, "not_found")


def test_the_files_of_a_job_are_listed_with_the_job(api: Program, bob: User) -> None:
    job = echo.enqueue(Echo(text="ab"), owner=api.user)
    job.state = State.RUNNING
    made = RunningJob(job, 60).save_file("rejected.csv", "text/csv", b"row,reason\n")
    [item] = api.see(f"/jobs/{job.id}/files").json()["items"]
    assert (item["id"], item["job"], item["size"]) == (str(made.id), str(job.id), 11)
    assert api.see(item["links"]["content"]).content == b"row,reason\n"


class TestRefused:
    """Uploads that are no file of ours."""

    @pytest.mark.covers(108)
    def test_a_file_of_the_largest_size_is_taken_and_one_byte_more_is_not(self, api: Program) -> None:
        assert upload(api, b"x" * settings.FILE_MAX_BYTES).status_code == 201
        response = upload(api, b"x" * (settings.FILE_MAX_BYTES + 1))
        assert problem(response) == (413, "body_too_large")
        assert str(settings.FILE_MAX_BYTES) in response.json()["detail"]

    @pytest.mark.covers(108)
    def test_a_body_far_too_large_is_refused_unread(self, api: Program) -> None:
        unread = Unread()
        response = api.generic(
            "POST",
            f"{API}/files",
            b"x",
            "multipart/form-data; boundary=x",
            **{"CONTENT_LENGTH": str(10**9), "wsgi.input": unread},
        )
        assert problem(response) == (413, "body_too_large")
        assert not unread.was_read

    @pytest.mark.parametrize(
        "form",
        [
            {},
            {"file": "text in the place of a file"},
            {"other": SimpleUploadedFile("a.csv", b"x")},
            {"file": SimpleUploadedFile("a.csv", b"x"), "more": "text"},
            {"file": [SimpleUploadedFile("a.csv", b"x"), SimpleUploadedFile("b.csv", b"x")]},
        ],
        ids=["empty", "text", "other name", "more fields", "two files"],
    )
    def test_a_form_without_exactly_one_file_is_refused(self, api: Program, form: dict[str, Any]) -> None:
        for part in form.values():
            if isinstance(part, SimpleUploadedFile):
                part.seek(0)
        response = api.post(f"{API}/files", form)
        assert problem(response) == (422, "invalid_body")
        assert places(response) == {"#/file"}

    @pytest.mark.parametrize(
        ("body", "content_type", "status"),
        [
            (b'{"file": "x"}', "application/json", 415),
            (b"file=x", "application/x-www-form-urlencoded", 415),
            (b"x", "multipart/form-data", 400),
            (b"x", "multipart/form-data; boundary=y", 422),
            (b"", "multipart/form-data; boundary=y", 422),
            (b"", "", 422),
        ],
    )
    def test_a_body_that_is_no_form_is_refused(self, api: Program, body: bytes, content_type: str, status: int) -> None:
        assert problem(api.generic("POST", f"{API}/files", body, content_type))[0] == status

    def test_a_form_of_thousands_of_parts_is_refused(self, api: Program) -> None:
        many = {f"f{number}": SimpleUploadedFile("a", b"x") for number in range(101)}
        assert problem(api.post(f"{API}/files", many)) == (400, "bad_request")
        assert problem(api.post(f"{API}/files", {f"f{number}": "x" for number in range(1_001)})) == (400, "bad_request")

    def test_a_name_that_cannot_be_kept_is_refused(self, api: Program) -> None:
        assert problem(upload(api, name="x" * 230)) == (422, "invalid_body")

    def test_a_name_is_only_a_name(self, api: Program) -> None:
        assert upload(api, name="../../etc/a\x00b.csv").json()["name"] == "ab.csv"


class Unread(BytesIO):
    """A body that notices when it is read."""

    was_read = False

    def read(self, size: int | None = -1) -> bytes:
        self.was_read = True
        return b""
