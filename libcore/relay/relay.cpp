// SPDX-License-Identifier: MIT
#include "relay/relay.hpp"

#include <algorithm>
#include <iterator>

namespace coord::relay {

namespace {

constexpr Duration tell_every = std::chrono::seconds(2);
constexpr std::uint8_t a_listing = 0, a_packet = 1;

void put(ByteWriter& out, const std::string& text) {
  out.put(static_cast<std::uint16_t>(text.size()));
  out.put(bytes_of(text));
}
std::string get_text(ByteReader& in) {
  const ByteView bytes = in.get(in.get<std::uint16_t>());
  return {bytes.begin(), bytes.end()};
}

node::ToTool to_tool(replica::ConnectionId connection, std::uint64_t request, const cut::FromRelay& what) {
  return {connection, request, cut::encode(what)};
}

}  // namespace

node::PartActions Relay::step(const node::Moment&, const node::Event& event) {
  node::PartActions out;
  if (const auto* asked = std::get_if<node::FromTool>(&event)) {
    from_tool(*asked, out);
  } else if (const auto* heard = std::get_if<node::FromPeer>(&event)) {
    from_peer(*heard, out);
  } else if (const auto* gone = std::get_if<node::ToolGone>(&event)) {
    std::erase_if(here_, [&](const auto& entry) {
      if (entry.second.connection != gone->connection) return false;
      to_tell_ = true;
      has_changed_ = has_changed_ || !entry.second.whose.visitor;
      return true;
    });
  } else if (const auto* greeted = std::get_if<node::Greeted>(&event)) {
    out.push_back(node::Send{greeted->from, node::Way::stream, listing()});
  } else if (const auto* parted = std::get_if<node::Parted>(&event)) {
    std::erase_if(there_, [&](const auto& entry) {
      if (entry.second.node != parted->from) return false;
      has_changed_ = has_changed_ || !entry.second.whose.visitor;
      return true;
    });
  }
  return out;
}

std::optional<Instant> Relay::deadline() const {
  return here_.empty() ? std::nullopt : std::optional(tell_again_);
}

// The founders, and who came later and is registered under a name.
std::set<NodeId> Relay::others(const node::Moment& moment) const {
  std::set<NodeId> others(all_.begin(), all_.end());
  if (moment.service != nullptr) {
    for (const auto& [node, registration] : moment.service->log().machine().state().registrations)
      if (!registration.name.empty()) others.insert(node);
  }
  others.erase(self_);
  return others;
}

node::PartActions Relay::settle(const node::Moment& moment) {
  node::PartActions out;
  if (!here_.empty() && moment.now >= tell_again_) to_tell_ = true;
  if (to_tell_) tell_again_ = moment.now + tell_every;
  if (std::exchange(to_tell_, false)) {
    for (const NodeId node : others(moment)) out.push_back(node::Send{node, node::Way::stream, listing()});
  }
  if (std::exchange(has_changed_, false)) {
    for (const auto& [life, tool] : here_)
      out.push_back(to_tool(tool.connection, tool.request, cut::Changed{}));
  }
  return out;
}

void Relay::from_tool(const node::FromTool& asked, node::PartActions& out) {
  auto message = cut::decode_to_relay(asked.bytes);
  if (!message) return;
  if (const auto* wish = std::get_if<cut::Register>(&*message)) {
    enter(asked, *wish, out);
  } else {
    carry(asked, std::move(std::get<cut::Outgoing>(*message)), out);
  }
}

void Relay::enter(const node::FromTool& asked, const cut::Register& wish, node::PartActions& out) {
  const auto found = here_.find(wish.life);
  const bool is_root = asked.who.uid == 0;
  const bool others = found != here_.end() && found->second.whose.user != asked.who.user && !is_root;
  const bool full = found == here_.end() && here_.size() >= most_here;
  if (others || full) {
    out.push_back(to_tool(asked.connection, asked.request, cut::NotYours{wish.life}));
    return;
  }
  here_[wish.life] = {asked.connection, asked.request, {asked.who.user, wish.owner, is_root, wish.visitor}};
  to_tell_ = true;
  has_changed_ = has_changed_ || !wish.visitor;
}

// From the life that this request has registered.
void Relay::carry(const node::FromTool& asked, cut::Outgoing packet, node::PartActions& out) {
  const auto from = std::ranges::find_if(here_, [&](const auto& entry) {
    return entry.second.connection == asked.connection && entry.second.request == asked.request;
  });
  if (from == here_.end()) return;
  const Whose& whose = from->second.whose;
  Carried carried{packet.to, from->first, whose.visitor, whose.is_root, whose.user, std::move(packet.bytes)};
  const auto here = here_.find(packet.to);
  const auto there = there_.find(packet.to);
  if (here == here_.end() && there == there_.end()) return;
  const Whose& to = here != here_.end() ? here->second.whose : there->second.whose;
  if (!takes(to, whose.user, whose.is_root)) {
    // Root's process that has not said yet in whose group it is may be asked again.
    const bool may_come = to.is_root && to.owner.empty();
    if (whose.visitor && !may_come)
      out.push_back(to_tool(asked.connection, asked.request, cut::NotYours{packet.to}));
    return;
  }
  if (here != here_.end()) return deliver(std::move(carried), out);
  out.push_back(node::Send{there->second.node, node::Way::stream, encode(carried)});
}

// What root asks is answered, too.
bool Relay::takes(const Whose& to, const std::string& user, bool is_root) {
  return to.user == user || is_root || to.owner == user || (to.visitor && to.is_root);
}

void Relay::deliver(Carried packet, node::PartActions& out) {
  const auto to = here_.find(packet.to);
  if (to == here_.end()) return;
  const Here& tool = to->second;
  if (!takes(tool.whose, packet.user, packet.is_root)) return;
  out.push_back(to_tool(tool.connection, tool.request,
                        cut::Incoming{packet.from, packet.visitor, std::move(packet.bytes)}));
}

void Relay::from_peer(const node::FromPeer& heard, node::PartActions& out) {
  ByteReader in(heard.bytes);
  const auto kind = in.get<std::uint8_t>();
  if (kind == a_listing) {
    if (!learn(heard.from, in)) out.push_back(node::Unreadable{"it is no list of lives"});
    return;
  }
  Carried packet;
  packet.to = in.get<std::uint64_t>();
  packet.from = in.get<std::uint64_t>();
  packet.visitor = in.get<std::uint8_t>() != 0;
  packet.is_root = in.get<std::uint8_t>() != 0;
  packet.user = get_text(in);
  if (kind != a_packet || in.failed()) {
    out.push_back(node::Unreadable{"it is no packet"});
    return;
  }
  const ByteView bytes = in.get(in.left());
  packet.bytes.assign(bytes.begin(), bytes.end());
  deliver(std::move(packet), out);
}

// All lives of that peer; those of before it has no more.
bool Relay::learn(NodeId from, ByteReader& in) {
  std::map<cut::Life, There> now;
  while (!in.failed() && in.left() > 0 && now.size() <= most_here) {
    const auto life = in.get<std::uint64_t>();
    There there{from, {}};
    there.whose.user = get_text(in);
    there.whose.owner = get_text(in);
    there.whose.is_root = in.get<std::uint8_t>() != 0;
    there.whose.visitor = in.get<std::uint8_t>() != 0;
    now[life] = std::move(there);
  }
  if (in.failed() || in.left() > 0) return false;
  std::map<cut::Life, There> before;
  for (auto entry = there_.begin(); entry != there_.end();) {
    const auto next = std::next(entry);
    if (entry->second.node == from) before.insert(there_.extract(entry));
    entry = next;
  }
  const auto processes = [](const std::map<cut::Life, There>& all) {
    std::vector<cut::Life> lives;
    for (const auto& [life, there] : all)
      if (!there.whose.visitor) lives.push_back(life);
    return lives;
  };
  has_changed_ = has_changed_ || processes(before) != processes(now);
  there_.merge(now);
  return true;
}

Bytes Relay::listing() const {
  ByteWriter out;
  out.put(a_listing);
  for (const auto& [life, tool] : here_) {
    out.put(life);
    put(out, tool.whose.user);
    put(out, tool.whose.owner);
    out.put(std::uint8_t{tool.whose.is_root});
    out.put(std::uint8_t{tool.whose.visitor});
  }
  return out.take();
}

Bytes Relay::encode(const Carried& packet) {
  ByteWriter out;
  out.put(a_packet);
  out.put(packet.to);
  out.put(packet.from);
  out.put(std::uint8_t{packet.visitor});
  out.put(std::uint8_t{packet.is_root});
  put(out, packet.user);
  out.put(packet.bytes);
  return out.take();
}

}  // namespace coord::relay
