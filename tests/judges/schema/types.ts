// What the judge compares with: Slack's own types. Blocks are the known ones alone: the open type would let all pass.
import type { HomeView, KnownBlock, MessageMetadata, ModalView } from "@slack/types";
import type * as web from "@slack/web-api";

export type TheBlock = KnownBlock;
export type TheMetadata = MessageMetadata;
export type TheModal = Omit<ModalView, "blocks"> & { blocks: KnownBlock[] };
export type TheHome = Omit<HomeView, "blocks"> & { blocks: KnownBlock[] };

// Replies, by the method's name without its dots.
export type TheAuthTest = web.AuthTestResponse;
export type TheBotsInfo = web.BotsInfoResponse;
export type TheChatDelete = web.ChatDeleteResponse;
export type TheChatGetPermalink = web.ChatGetPermalinkResponse;
export type TheChatPostEphemeral = web.ChatPostEphemeralResponse;
export type TheChatPostMessage = web.ChatPostMessageResponse;
export type TheChatUpdate = web.ChatUpdateResponse;
export type TheConversationsHistory = web.ConversationsHistoryResponse;
export type TheConversationsInfo = web.ConversationsInfoResponse;
export type TheConversationsMembers = web.ConversationsMembersResponse;
export type TheConversationsOpen = web.ConversationsOpenResponse;
export type TheConversationsReplies = web.ConversationsRepliesResponse;
export type ThePinsAdd = web.PinsAddResponse;
export type TheReactionsAdd = web.ReactionsAddResponse;
export type TheUsergroupsList = web.UsergroupsListResponse;
export type TheUsergroupsUsersList = web.UsergroupsUsersListResponse;
export type TheUsersInfo = web.UsersInfoResponse;
export type TheUsersList = web.UsersListResponse;
export type TheViewsOpen = web.ViewsOpenResponse;
export type TheViewsPublish = web.ViewsPublishResponse;
export type TheViewsPush = web.ViewsPushResponse;
export type TheViewsUpdate = web.ViewsUpdateResponse;
