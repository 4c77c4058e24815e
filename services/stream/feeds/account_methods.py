"""The methods of RelationService about accounts and follow policies: any worker answers, all of them know all of it."""

from typing import Any

from sluice.feed.v1 import relation_service_pb2 as pb

from services.contracts.principal import Role
from services.stream.feeds.accounts import Accounts
from services.stream.feeds.callers import only_directory, principal, user_for


class AccountMethods:
    """Part of the servicer."""

    _accounts: Accounts

    async def SetFollowPolicy(  # noqa: N802 - named by the proto
        self, request: pb.SetFollowPolicyRequest, context: Any
    ) -> pb.SetFollowPolicyResponse:
        """See the proto."""
        del context
        await self._accounts.set_policy(user_for(principal(), request.user), approves=request.approves_followers)
        return pb.SetFollowPolicyResponse()

    async def GetFollowPolicy(  # noqa: N802 - as above
        self, request: pb.GetFollowPolicyRequest, context: Any
    ) -> pb.GetFollowPolicyResponse:
        """See the proto. Anybody who is signed in would find it out by following."""
        del context
        user = request.user or principal().user
        return pb.GetFollowPolicyResponse(approves_followers=self._accounts.approves(user))

    async def LinkAccount(self, request: pb.LinkAccountRequest, context: Any) -> pb.LinkAccountResponse:  # noqa: N802 - as above
        """See the proto."""
        del context
        only_directory(principal(), "linking accounts")
        await self._accounts.link(request.account, request.person)
        return pb.LinkAccountResponse()

    async def UnlinkAccount(  # noqa: N802 - as above
        self, request: pb.UnlinkAccountRequest, context: Any
    ) -> pb.UnlinkAccountResponse:
        """See the proto."""
        del context
        only_directory(principal(), "unlinking accounts")
        await self._accounts.unlink(request.account)
        return pb.UnlinkAccountResponse()

    async def ListAccounts(self, request: pb.ListAccountsRequest, context: Any) -> pb.ListAccountsResponse:  # noqa: N802 - as above
        """See the proto."""
        del context
        caller = principal()
        person = request.person if caller.has(Role.SERVICE) and request.person else user_for(caller, request.person)
        return pb.ListAccountsResponse(accounts=self._accounts.of(person))
