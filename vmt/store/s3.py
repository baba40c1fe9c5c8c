"""Any S3 as an object store, through boto3.

No other module speaks S3 (Import Linter holds it), so requests, errors and multipart uploads are
all here.
"""

import base64
import contextlib
import hashlib
import mimetypes
import os
import re
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import boto3
import botocore.exceptions
import botocore.parsers
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

from vmt.errors import (
    ObjectNotFound,
    PreconditionFailed,
    StoreDenied,
    StoreError,
    StoreFull,
    StoreUnavailable,
)
from vmt.settings import Settings
from vmt.store.protocol import (
    MINIMUM,
    ObjectInfo,
    StoreCapabilities,
    check_key,
    check_prefix,
    os_failure,
)

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

ADDRESS = "s3://bucket/prefix"
PART_BYTES = 16 << 20
CONNECT_TIMEOUT_S = 3
READ_TIMEOUT_S = 60
ATTEMPTS = 3
_DENIED = {
    "403",
    "AccessDenied",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "401",
}
_LACKING = {"NotImplemented", "MethodNotAllowed"}
_LOST = {"412", "PreconditionFailed", "409", "ConditionalRequestConflict"}
_FULL = {"507", "InsufficientStorage", "InsufficientCapacity", "XMinioStorageFull", "QuotaExceeded"}
_BUSY = {"429", "SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded"}
_BROKEN = {"BadDigest", "IncompleteBody", "RequestTimeout"}  # damaged on the way
_TYPES = {
    ".flac": "audio/flac",
    ".mid": "audio/midi",
    ".lab": "text/plain",
    ".mkv": "video/x-matroska",
    ".webm": "video/webm",
}
_CREDENTIALS = (
    botocore.exceptions.NoCredentialsError,
    botocore.exceptions.PartialCredentialsError,
    botocore.exceptions.CredentialRetrievalError,
    botocore.exceptions.ProfileNotFound,
)


class S3Store:
    """Objects under `prefix` in `bucket`. It connects at its first use, may be shared by threads,
    and is pickled as its address.
    """

    page_size = 1000
    part_bytes = PART_BYTES

    def __init__(self, bucket: str, prefix: str, settings: Settings) -> None:
        self.bucket = bucket
        self.url = f"s3://{bucket}/{prefix}".rstrip("/")
        self._prefix = f"{prefix}/" if prefix else ""
        self._settings = settings
        self._clients: dict[str | None, S3Client] = {}
        self._guard = threading.Lock()
        self._bucket_exists = False
        self._takes_checksums = True

    def __reduce__(self) -> tuple[type["S3Store"], tuple[str, str, Settings]]:
        return S3Store, (self.bucket, self._prefix.rstrip("/"), self._settings)

    @property
    def capabilities(self) -> StoreCapabilities:
        """Objects are reached through an endpoint, and browsers load presigned URLs."""
        settings = self._settings
        own = settings.s3_endpoint_url
        public = urlsplit(settings.s3_public_endpoint_url or own or "https://*.amazonaws.com")
        return StoreCapabilities(
            endpoint=own or f"https://s3.{settings.s3_region}.amazonaws.com",
            public_endpoint=f"{public.scheme}://{public.netloc}",
        )

    def put(
        self, key: str, data: bytes, *, if_absent: bool = False, if_match: str | None = None
    ) -> ObjectInfo:
        """Write an object whole. See `ObjectStore.put`."""
        assert not (if_absent and if_match is not None), (
            "an object cannot be both absent and of a known etag"
        )
        condition: dict[str, Any] = {"IfNoneMatch": "*"} if if_absent else {}
        if if_match is not None:
            condition = {"IfMatch": f'"{if_match}"'}
        name = self._name(key)

        with self._errors(f"write {key}"):
            try:
                answer = self._client().put_object(
                    Bucket=self.bucket,
                    Key=name,
                    Body=data,
                    ContentType=_content_type(key),
                    **condition,
                )
            except botocore.exceptions.ClientError as error:
                if not condition or _code(error) not in _LOST | {"404", "NoSuchKey"}:
                    raise
                mine = self._written_by_lost_answer(key, data, error)
                if mine is not None:
                    return mine

                remedy = (
                    "read it, and write again with its etag"
                    if if_absent
                    else "read it again and repeat"
                )
                what = "exists already" if if_absent else "was changed by another writer"
                raise PreconditionFailed(f"object {key} {what}; {remedy}") from error

        self._bucket_exists = True
        return ObjectInfo(key, len(data), answer["ETag"].strip('"'), _date(answer))

    def _written_by_lost_answer(
        self, key: str, data: bytes, error: botocore.exceptions.ClientError
    ) -> ObjectInfo | None:
        """The object, where a conditional write succeeded although its answer was lost: boto3 then
        repeats the write, and S3 refuses the repetition.
        """
        if not error.response.get("ResponseMetadata", {}).get("RetryAttempts"):
            return None
        info = self.head(key)
        return (
            info if info is not None and info.size == len(data) and self.get(key) == data else None
        )

    def put_file(self, key: str, path: Path) -> ObjectInfo:
        """Upload a file, in parts where it is large; each part carries a CRC32, or an MD5 where
        the provider knows no other checksum. See `ObjectStore.put_file`.
        """
        name = self._name(key)
        transfer = TransferConfig(
            multipart_threshold=self.part_bytes,
            multipart_chunksize=self.part_bytes,
            max_concurrency=4,
        )
        extra = {"ContentType": _content_type(key)}

        def upload(**checksum: str) -> None:
            self._client().upload_file(
                str(path), self.bucket, name, ExtraArgs={**extra, **checksum}, Config=transfer
            )

        with self._errors(f"write {key}"):
            if self._takes_checksums:
                try:
                    upload(ChecksumAlgorithm="CRC32")
                except Boto3Error as error:
                    if not _refuses_checksums(error.__context__):
                        raise
                    # Many providers know no checksum trailers; Content-MD5 does there.
                    self._takes_checksums = False
            if not self._takes_checksums:
                upload()
        info = self.head(key)
        if info is None:
            raise StoreUnavailable(
                f"object {key}: gone right after it was written to {self.url}; run again"
            )
        return info

    def get(self, key: str) -> bytes:
        """The object's bytes. See `ObjectStore.get`."""
        return self.get_with_etag(key)[0]

    def get_with_etag(self, key: str) -> tuple[bytes, str]:
        """Bytes and their etag. See `ObjectStore.get_with_etag`."""
        name = self._name(key)
        with self._errors(f"read {key}", key):
            answer = self._client().get_object(Bucket=self.bucket, Key=name)
            return answer["Body"].read(), answer["ETag"].strip('"')

    def get_file(self, key: str, path: Path) -> None:
        """Download to `path`. See `ObjectStore.get_file`."""
        name = self._name(key)
        part = path.with_name(f".{uuid.uuid4().hex}.part")
        try:
            with self._errors(f"read {key}", key):
                try:
                    self._client().download_file(self.bucket, name, str(part))
                except botocore.exceptions.ClientError as error:
                    if _code(error) == "404":
                        self._require_bucket()
                    raise
                os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)

    def read_range(self, key: str, first: int, last: int) -> bytes:
        """Bytes `first` to `last` of an object, both included. See `ObjectStore.read_range`."""
        name = self._name(key)
        with self._errors(f"read a range of {key}", key):
            answer = self._client().get_object(
                Bucket=self.bucket, Key=name, Range=f"bytes={first}-{last}"
            )
            return answer["Body"].read()

    def head(self, key: str) -> ObjectInfo | None:
        """The object's information, or None."""
        name = self._name(key)
        with self._errors(f"look at {key}"):
            try:
                answer = self._client().head_object(Bucket=self.bucket, Key=name)
            except botocore.exceptions.ClientError as error:
                if _code(error) not in ("404", "NoSuchKey"):
                    raise
                self._require_bucket()
                return None
        return ObjectInfo(
            key,
            answer["ContentLength"],
            answer["ETag"].strip('"'),
            answer["LastModified"].astimezone(UTC),
        )

    def _require_bucket(self) -> None:
        """Raise if the bucket is missing, which looks like a missing object to head_object."""
        if not self._bucket_exists:
            try:
                self._client().head_bucket(Bucket=self.bucket)
            except botocore.exceptions.ClientError as error:
                if _code(error) == "404":
                    raise self._no_bucket() from error
                raise
            self._bucket_exists = True

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Objects under `prefix`, page by page. See `ObjectStore.list`."""
        full = self._prefix + check_prefix(prefix)
        with self._errors(f"list {prefix or 'it'}"):
            pages = self._client().get_paginator("list_objects_v2")
            for page in pages.paginate(
                Bucket=self.bucket, Prefix=full, PaginationConfig={"PageSize": self.page_size}
            ):
                for item in page.get("Contents", []):
                    if not item["Key"].endswith(
                        "/"
                    ):  # a folder's placeholder, as consoles make them
                        key = item["Key"].removeprefix(self._prefix)
                        yield ObjectInfo(
                            key,
                            item["Size"],
                            item["ETag"].strip('"'),
                            item["LastModified"].astimezone(UTC),
                        )

    def folders(self, prefix: str = "") -> Iterator[str]:
        """Names one level below `prefix`. See `ObjectStore.folders`."""
        full = self._prefix + check_prefix(prefix)
        with self._errors(f"list {prefix or 'it'}"):
            pages = self._client().get_paginator("list_objects_v2")
            for page in pages.paginate(
                Bucket=self.bucket,
                Prefix=full,
                Delimiter="/",
                PaginationConfig={"PageSize": self.page_size},
            ):
                for item in page.get("CommonPrefixes", []):
                    yield item["Prefix"].removeprefix(full).removesuffix("/")

    def delete(self, key: str) -> None:
        """Remove an object; a missing one is no error."""
        name = self._name(key)
        with self._errors(f"delete {key}"):
            self._client().delete_object(Bucket=self.bucket, Key=name)

    def unfinished(self, before: datetime, *, remove: bool = False) -> Iterator[str]:
        """Multipart uploads that were never completed. See `ObjectStore.unfinished`."""
        with self._errors("look for unfinished uploads"):
            pages = self._client().get_paginator("list_multipart_uploads")
            for page in pages.paginate(Bucket=self.bucket, Prefix=self._prefix):
                for item in page.get("Uploads", []):
                    if item["Initiated"].astimezone(UTC) < before:
                        if remove:
                            self._client().abort_multipart_upload(
                                Bucket=self.bucket, Key=item["Key"], UploadId=item["UploadId"]
                            )
                        yield f"upload of {item['Key'].removeprefix(self._prefix)}"

    def share_url(self, key: str, expires_s: int = 3600, *, filename: str | None = None) -> str:
        """A presigned URL, at the public endpoint where the settings name one, that a browser may
        play and seek in.

        Args:
            key: of the object.
            expires_s: how long the URL works.
            filename: the name under which the browser saves it.
        """
        params: dict[str, Any] = {"Bucket": self.bucket, "Key": self._name(key)}
        if filename is not None:
            params["ResponseContentDisposition"] = (
                f"attachment; filename*=UTF-8''{quote(filename, safe='')}"
            )
        endpoint = self._settings.s3_public_endpoint_url or self._settings.s3_endpoint_url
        with self._errors(f"share {key}"):
            return self._client(endpoint).generate_presigned_url(
                "get_object", Params=params, ExpiresIn=expires_s
            )

    def _name(self, key: str) -> str:
        return self._prefix + check_key(key)

    def _client(self, endpoint: str | None = None) -> "S3Client":
        endpoint = endpoint or self._settings.s3_endpoint_url
        with self._guard:
            if endpoint not in self._clients:
                self._clients[endpoint] = _connect(self._settings, endpoint)
            return self._clients[endpoint]

    def _no_bucket(self) -> StoreError:
        return StoreError(
            f"store {self.url}: no bucket {self.bucket}; create it, or correct VMT_STORE"
        )

    @contextlib.contextmanager
    def _errors(self, doing: str, key: str | None = None) -> Iterator[None]:
        """Turn S3's failures into store errors; a missing key is `ObjectNotFound` where `key` is
        given.
        """
        try:
            yield
        except botocore.exceptions.ClientError as error:
            raise self._from_answer(error, doing, key) from error
        except Boto3Error as error:  # what an upload wraps an answer in
            if isinstance(error.__context__, botocore.exceptions.ClientError):
                raise self._from_answer(error.__context__, doing, key) from error
            raise StoreUnavailable(
                f"store {self.url}: cannot {doing} ({_line(error)}); run again"
            ) from error
        except _CREDENTIALS as error:
            raise StoreDenied(
                f"store {self.url}: {_line(error)}; set VMT_S3_ACCESS_KEY_ID and "
                "VMT_S3_SECRET_ACCESS_KEY"
            ) from error
        except (_NotS3, botocore.parsers.ResponseParserError) as error:
            endpoint = self._settings.s3_endpoint_url or "AWS"
            raise StoreError(
                f"store {self.url}: what answers at {endpoint} is no S3 ({_line(error)}); set "
                "VMT_S3_ENDPOINT_URL to the S3 port, with the right scheme"
            ) from error
        except botocore.exceptions.SSLError as error:
            endpoint = self._settings.s3_endpoint_url or "AWS"
            remedy = (
                "name its authority's file in AWS_CA_BUNDLE"
                if "CERTIFICATE" in str(error).upper()
                else "if it speaks plain HTTP, write http:// in VMT_S3_ENDPOINT_URL"
            )
            raise StoreError(
                f"store {self.url}: no TLS connection to {endpoint} ({_line(error)}); {remedy}"
            ) from error
        except KeyError as error:
            raise StoreError(
                f"store {self.url}: the answer to `{doing}` lacks {error}; VMT needs {MINIMUM}"
            ) from error
        except (botocore.exceptions.HTTPClientError, botocore.exceptions.ConnectionError) as error:
            endpoint = self._settings.s3_endpoint_url or "AWS"
            raise StoreUnavailable(
                f"store {self.url}: {endpoint} does not answer ({_line(error)}); is it "
                "running, is the address right?"
            ) from error
        except botocore.exceptions.BotoCoreError as error:
            raise StoreError(
                f"store {self.url}: cannot {doing} ({_line(error)}); check VMT_STORE and VMT_S3_*"
            ) from error
        except OSError as error:
            raise os_failure(self.url, doing, error) from error

    def _from_answer(
        self, error: botocore.exceptions.ClientError, doing: str, key: str | None
    ) -> StoreError:
        code, where = _code(error), f"store {self.url}"
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in _LACKING or status in (405, 501):
            return StoreError(
                f"{where}: its provider cannot {doing} ({_line(error)}); VMT needs {MINIMUM}: use "
                "another store, and ask `vmt doctor`"
            )
        if code == "NoSuchBucket":
            return self._no_bucket()
        if code in ("404", "NoSuchKey") and key is not None:
            return ObjectNotFound(f"object {key}: none in {where}; check its name")
        if code in _DENIED:
            return StoreDenied(
                f"{where}: not allowed to {doing} ({code}); check the keys in VMT_S3_* and "
                "their permissions"
            )
        if code in _FULL:
            return StoreFull(f"{where}: no space left to {doing} ({code}); free some and run again")
        if code in _BUSY | _BROKEN or status >= 500:
            return StoreUnavailable(f"{where}: cannot {doing} now ({code}); run again later")
        if code in ("301", "PermanentRedirect", "AuthorizationHeaderMalformed"):
            return StoreError(f"{where}: the bucket is in another region; set VMT_S3_REGION to it")
        return StoreError(f"{where}: cannot {doing} ({_line(error)}); check VMT_STORE and VMT_S3_*")


def open_url(url: str, settings: Settings) -> S3Store | None:
    """The store of a bucket's URL; None where `url` names no bucket."""
    parts = urlsplit(url)
    if not parts.netloc or parts.query or parts.fragment:
        return None
    return S3Store(parts.netloc, parts.path.strip("/"), settings)


def _connect(settings: Settings, endpoint: str | None) -> "S3Client":
    secret = settings.s3_secret_access_key
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path" if endpoint else "auto"},
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        max_pool_connections=32,
        # Many providers refuse the checksums that boto3 otherwise adds to every request.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    session = boto3.session.Session(
        aws_access_key_id=settings.s3_access_key_id,
        aws_secret_access_key=secret.get_secret_value() if secret is not None else None,
        region_name=settings.s3_region,
    )
    client = session.client("s3", endpoint_url=endpoint, config=config)
    for operation in ("PutObject", "UploadPart"):
        client.meta.events.register(f"before-call.s3.{operation}", _add_md5)
    # By name: what is registered for all operations comes after botocore has made a 500 of a 200
    # that it cannot read.
    for operation in client.meta.service_model.operation_names:
        client.meta.events.register_first(f"before-parse.s3.{operation}", _check_answer)
    client.meta.events.register_first("needs-retry.s3", _give_up_at_once)
    return client


class _NotS3(Exception):
    """What answers at the endpoint is no S3."""


def _add_md5(params: dict[str, Any], **_: Any) -> None:
    """Send the MD5 of a body, which the server compares with what it received, where no other
    checksum goes along.
    """
    body, headers = params["body"], params["headers"]
    if any(name.lower().startswith(("x-amz-checksum", "x-amz-trailer")) for name in headers):
        return
    if isinstance(body, bytes | bytearray):
        digest = hashlib.md5(body, usedforsecurity=False)
    elif hasattr(body, "read") and hasattr(body, "seek"):
        start, digest = body.tell(), hashlib.md5(usedforsecurity=False)
        while block := body.read(1 << 20):
            digest.update(block)
        body.seek(start)
    else:
        return
    headers["Content-MD5"] = base64.b64encode(digest.digest()).decode()


def _check_answer(response_dict: dict[str, Any], **_: Any) -> None:
    """Stop where a web page or a plain text answers in place of S3."""
    status, body = response_dict["status_code"], response_dict.get("body")
    headers = {name.lower(): value for name, value in response_dict["headers"].items()}
    text = bytes(body)[:2000].decode(errors="replace") if isinstance(body, bytes) else ""
    if status == 400 and re.search("HTTP request.* to (an )?HTTPS", text):
        raise _NotS3("it wants https://, and was asked by http://")
    # An object may be a page; it has an etag. A gateway that is overloaded says 502 to 504, and
    # botocore makes a 500 of a 200 that it cannot read.
    page = headers.get("content-type", "").startswith("text/html") and "etag" not in headers
    if page and status <= 501 and "x-amz-request-id" not in headers:
        raise _NotS3(f"it answers with a web page ({status}), as a console's port or a proxy does")


def _give_up_at_once(caught_exception: Exception | None, **_: Any) -> None:
    """A wrong scheme or certificate is no accident: it is told, and not tried again."""
    if isinstance(caught_exception, botocore.exceptions.SSLError):
        raise caught_exception


def _refuses_checksums(error: BaseException | None) -> bool:
    """Whether an upload was refused for the kind of its checksum."""
    if not isinstance(error, botocore.exceptions.ClientError):
        return False
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    said = _line(error).lower()
    return status == 501 or (
        status in (400, 403)
        and any(word in said for word in ("checksum", "trailer", "aws-chunked", "x-amz-sdk"))
    )


def _code(error: botocore.exceptions.ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]


def _date(answer: Any) -> datetime:
    stamp = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    return parsedate_to_datetime(stamp).astimezone(UTC) if stamp else datetime.now(UTC)


def _content_type(key: str) -> str:
    suffix = Path(key).suffix.lower()
    return _TYPES.get(suffix) or mimetypes.guess_type(key)[0] or "application/octet-stream"
