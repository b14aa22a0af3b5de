"""AWS's own configuration: credentials, profiles, regions and endpoints, as botocore resolves them."""

from __future__ import annotations

import re
import threading
import weakref
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import botocore.configprovider
import botocore.exceptions
import botocore.loaders
import botocore.session

from canvasback.errors import StorageError
from canvasback.storage.bucket.service import StoreOptions, credentials_missing

_VARIABLES = {"region": ("region", ["AWS_REGION", "AWS_DEFAULT_REGION"], None, None)}
"""botocore by itself does not know the first, which AWS's other libraries go by."""

_ENDPOINT = re.compile(r"https?://[^\s/?#]+(/[^\s?#]*)?")


@cache
def _models(data_path: str | None) -> Any:
    """Where botocore's clients have the descriptions of services from: it takes a tenth of a second to read that of S3.

    Every session would read it anew; a loader keeps what it has read.

    Args:
        data_path: Where else there are some, by AWS's own configuration.
    """
    return botocore.loaders.create_loader(data_path)


class AwsSettings:
    """How to reach a bucket of S3, or of what speaks it.

    Args:
        url: The bucket.
        scheme: How the user spells it: ``s3``, ``r2``, …
        options: What the user says besides AWS's own configuration.

    Attributes:
        region: The region.
        endpoint: The URL of the service; empty for AWS's own.
        path_style: Whether the bucket's name stands in the path.

    Raises:
        StorageError: There are no credentials (``credentials-missing``), or an account's endpoint is not known
            (``endpoint-missing``).
    """

    def __init__(self, url: str, scheme: str, options: StoreOptions) -> None:
        self._options = options
        self._lock = threading.Lock()
        self._client: Any = None
        try:
            self._session = botocore.session.Session(session_vars=_VARIABLES, profile=options.profile)
            self._session.register_component("data_loader", _models(self._session.get_config_variable("data_path")))
            self.region = str(options.region or self._session.get_config_variable("region") or "us-east-1")
            self.endpoint = _whole_endpoint(options.endpoint or self._endpoint_of("s3"))
            self._credentials = self._session.get_credentials()
        except (botocore.exceptions.BotoCoreError, ValueError) as error:
            raise credentials_missing(url, str(error)) from error
        if scheme == "r2" and not self.endpoint:
            raise StorageError(
                f"{url} needs the endpoint of its account",
                code="endpoint-missing",
                hint="Set AWS_ENDPOINT_URL_S3, or endpoint under [storage] in canvasback.toml, to "
                "https://<account id>.r2.cloudflarestorage.com.",
            )
        if self._credentials is None:
            raise credentials_missing(url, "none are in the environment, in AWS's files or given by the machine")
        configured = (self._session.get_scoped_config().get("s3") or {}).get("addressing_style", "auto")
        self.path_style = (
            options.path_style
            if options.path_style is not None
            else bool(self.endpoint)
            if configured == "auto"
            else configured == "path"
        )

    def url_of(self, bucket: str) -> str:
        """Where requests for a bucket go: AWS's own host of the region where nothing else is configured."""
        parts = urlsplit(self.endpoint or str(self.client().meta.endpoint_url))
        # A bucket with a dot in its name has no certificate that fits its host's name.
        path_style = self.path_style or "." in bucket
        return f"{parts.scheme}://{parts.netloc if path_style else f'{bucket}.{parts.netloc}'}{parts.path}"

    def current_credentials(self) -> Any:
        """What obstore signs with; it asks again when they end."""
        try:
            frozen = self._credentials.get_frozen_credentials()
        except botocore.exceptions.BotoCoreError as error:
            raise PermissionError(f"the credentials cannot be renewed: {error}") from error
        return {
            "access_key_id": frozen.access_key,
            "secret_access_key": frozen.secret_key,
            "token": frozen.token,
            # Those that botocore renews itself have an end; it renews them well before.
            "expires_at": getattr(self._credentials, "_expiry_time", None),
        }

    def client(self) -> Any:
        """Botocore's client of the service. Making it takes time, and most runs at an endpoint need none."""
        with self._lock:
            if self._client is None:
                addressing = {"addressing_style": "path" if self.path_style else "virtual"}
                self._client = self._connect("s3", self.region, self.endpoint, s3=addressing)
            return self._client

    def client_of(self, service: str, region: str) -> Any | None:
        """Botocore's client of another service of AWS, with the same credentials.

        Args:
            service: As botocore names it.
            region: Where it is asked.

        Returns:
            The client; None where the bucket is at an endpoint that is not AWS's, and the configuration names none for
            the other service: nobody's keys are sent to AWS that are not AWS's.
        """
        endpoint = _whole_endpoint(self._endpoint_of(service))
        if self.endpoint and not endpoint:
            return None
        with self._lock:
            return self._connect(service, region, endpoint)

    def _connect(self, service: str, region: str, endpoint: str, **more: Any) -> Any:
        import botocore.config  # noqa: PLC0415

        client = self._session.create_client(
            service,
            region_name=region,
            endpoint_url=endpoint or None,
            config=botocore.config.Config(
                connect_timeout=min(10.0, self._options.timeout),
                read_timeout=self._options.timeout,
                retries={"mode": "standard", "total_max_attempts": self._options.retries + 1},
                max_pool_connections=32,
                **more,
            ),
        )
        weakref.finalize(self, client.close)
        return client

    def _endpoint_of(self, service: str) -> str:
        """What the environment, a profile or a profile's services name for a service, as a client would find it."""
        if self._session.get_config_variable("ignore_configured_endpoint_urls"):
            return ""
        found = botocore.configprovider.ConfiguredEndpointProvider(
            full_config=self._session.full_config,
            scoped_config=self._session.get_scoped_config(),
            client_name=service,
        ).provide()
        return str(found or "")


def _whole_endpoint(endpoint: str) -> str:
    """An endpoint with its scheme; empty for AWS's own.

    Raises:
        StorageError: It is no URL of a service (``endpoint-missing``).
    """
    if endpoint and "://" not in endpoint:
        endpoint = f"https://{endpoint}"
    if endpoint and not _ENDPOINT.fullmatch(endpoint):
        raise StorageError(
            f"{endpoint!r} is no URL of a service",
            code="endpoint-missing",
            hint="Spell the endpoint like https://host:port, in AWS's configuration or under [storage].",
        )
    return endpoint
