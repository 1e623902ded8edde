"""One client, two faces: AsyncClient, and Client, which runs one on a thread of its own."""

from anyvideo.client.asynchronous import AsyncClient
from anyvideo.client.blocking import Client
from anyvideo.client.planner import ProviderInfo

__all__ = ["AsyncClient", "Client", "ProviderInfo"]
