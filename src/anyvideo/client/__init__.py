"""One client, two faces: AsyncClient, and Client, which runs one on a thread of its own."""

from anyvideo.client.asynchronous import AsyncClient, ProviderInfo
from anyvideo.client.blocking import Client

__all__ = ["AsyncClient", "Client", "ProviderInfo"]
