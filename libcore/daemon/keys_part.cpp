// SPDX-License-Identifier: MIT
#include "daemon/keys_part.hpp"

#include <algorithm>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "daemon/gone_founders.hpp"
#include "wire/codec.hpp"

namespace coord::daemon {

namespace {

constexpr std::size_t most_keys_here = 16;
constexpr std::size_t most_tools_waiting = 8;  // tools
constexpr std::size_t most_changes = 64;       // ordered by others, while one is being written
constexpr std::size_t hosts_a_piece = 64;
constexpr std::size_t most_hosts_named = 5;
constexpr const char* busy = "another change of the keys is under way there";

constexpr wire::DecodeOptions as_sent{.version = wire::channels_since};

Bytes bytes_of_message(const keys::ToPeer& message) {
  return wire::encode(message, wire::channels_since);
}

net::ClusterKey key_of(const keys::Order& order) {
  return {order.id, net::SecretKey(ByteView(order.secret.data(), order.secret.size()))};
}

std::string some_of(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < most_hosts_named; ++i)
    text += (i == 0 ? "" : ", ") + names[i];
  return names.size() <= most_hosts_named
             ? text
             : fmt::format("{} and {} more", text, names.size() - most_hosts_named);
}

// The ring after the order; nothing: it is so already. An error: it cannot be.
Result<std::optional<net::KeyRing>> ring_after(const net::KeyRing& ring, const keys::Order& order) {
  const auto no = [](const char* why) -> Error { return {ErrorKind::unavailable, "", why, ""}; };
  std::vector<net::ClusterKey> all = ring.keys();
  const auto found = std::ranges::find_if(all, [&](const auto& key) { return key.id == order.id; });
  const bool has = found != all.end();
  const bool is_this = has && COORD_RULE(key_is_its_secret, net::print_of(*found) == order.print);
  switch (order.verb) {
    case keys::Verb::list:
      return std::optional<net::KeyRing>();
    case keys::Verb::add:
      if (has && !(found->key == key_of(order).key)) return no("it has another key under this id");
      if (has) return std::optional<net::KeyRing>();
      if (all.size() >= most_keys_here) return no("it has 16 keys already");
      all.push_back(key_of(order));
      break;
    case keys::Verb::use:
      if (!has) return no("it lacks this key");
      if (!is_this) return no("it has another key under this id");
      if (found == all.begin()) return std::optional<net::KeyRing>();
      std::rotate(all.begin(), found, found + 1);
      break;
    case keys::Verb::remove:
      if (!is_this) return std::optional<net::KeyRing>();
      if (!COORD_RULE(key_in_use_stays, found != all.begin()) || all.size() == 1)
        return no("it sends by this key");
      all.erase(found);
      break;
  }
  return std::optional(net::KeyRing(std::move(all)));
}

}  // namespace

KeysPart::KeysPart(NodeId self, std::vector<NodeId> founders, std::map<NodeId, std::string> names,
                   std::shared_ptr<KeysInForce> keys, std::uint64_t first_number)
    : self_(self),
      founders_(std::move(founders)),
      names_(std::move(names)),
      keys_(std::move(keys)),
      last_number_(first_number) {}

node::PartActions KeysPart::step(const node::Moment& moment, const node::Event& event) {
  node::PartActions out;
  if (const auto* asked = std::get_if<node::FromTool>(&event)) {
    from_tool(moment, *asked, out);
  } else if (const auto* said = std::get_if<node::FromPeer>(&event)) {
    const auto message = wire::decode<keys::ToPeer>(said->bytes, as_sent);
    if (!message) {
      out.push_back(node::Unreadable{message.error().what});
    } else if (const auto* order = std::get_if<keys::Order>(&*message)) {
      hear(moment.now, said->from, *order, out);
    } else {
      hear(said->from, std::get<keys::Answer>(*message));
    }
  } else if (const auto* worked = std::get_if<node::Worked>(&event)) {
    const auto& write = dynamic_cast<const WriteKeys&>(*worked->work);
    const Change done = std::move(changes_.front());
    changes_.pop_front();
    writes_ = false;
    answer(done, write.written ? "" : write.written.error().text(), out);
    change(out);
  } else if (const auto* greeted = std::get_if<node::Greeted>(&event)) {
    // An order that closes links may have closed the one that its answer was to come by.
    if (run_ && run_->hosts.contains(greeted->from) && !run_->answers.contains(greeted->from))
      run_->again = moment.now;
  } else if (const auto* gone = std::get_if<node::ToolGone>(&event)) {
    std::erase_if(waiting_, [&](const Run& run) { return run.connection == gone->connection; });
  }
  return out;
}

node::PartActions KeysPart::settle(const node::Moment& moment) {
  node::PartActions out;
  if (run_) go_on(moment, out);
  return out;
}

std::optional<Instant> KeysPart::deadline() const {
  return run_ ? std::optional(std::min(run_->until, run_->again)) : std::nullopt;
}

// ---- what a tool asks for

void KeysPart::from_tool(const node::Moment& moment, const node::FromTool& asked, node::PartActions& out) {
  const auto refuse = [&](const char* why, bool is_wrong) {
    const keys::Told told{why, is_wrong, {}, true};
    out.push_back(node::ToTool{asked.connection, asked.request, wire::encode(told, wire::channels_since)});
  };
  auto ask = wire::decode<keys::Ask>(asked.bytes, as_sent);
  if (!ask) return refuse("it cannot be read: install one release", true);
  if (!COORD_RULE(keys_are_the_operators, !asked.who.is_guest))
    return refuse("only root and the peer's own user may ask for the group's keys", true);
  if (waiting_.size() >= most_tools_waiting) return refuse("too many changes of the keys at a time", false);
  Run run;
  run.connection = asked.connection;
  run.request = asked.request;
  run.ask = std::move(*ask);
  run.by = asked.who.user.substr(0, 255);
  waiting_.push_back(std::move(run));
  if (!run_) begin(moment, out);
}

// Who is registered under a name, and the founders. From level 2 on all that live are registered: a founder
// that is not, and has no vote, is gone for good.
std::map<NodeId, std::string> KeysPart::others(const node::Moment& moment) const {
  std::map<NodeId, std::string> all;
  for (const NodeId node : founders_) {
    if (moment.service != nullptr && is_gone_for_good(*moment.service, node)) continue;
    const auto name = names_.find(node);
    all[node] = name == names_.end() ? fmt::format("peer {}", node.value) : name->second;
  }
  if (moment.service != nullptr) {
    for (const auto& [node, registration] : moment.service->log().machine().state().registrations)
      if (!registration.name.empty()) all[node] = registration.name;
  }
  all.erase(self_);
  return all;
}

void KeysPart::begin(const node::Moment& moment, node::PartActions& out) {
  if (waiting_.empty()) return;
  run_ = std::move(waiting_.front());
  waiting_.pop_front();
  run_->number = ++last_number_;
  run_->until = moment.now + ask_patience;
  run_->hosts = others(moment);
  say(moment, out);
}

void KeysPart::say(const node::Moment& moment, node::PartActions& out) {
  run_->again = moment.now + say_again;
  keys::Order order{run_->number, run_->orders ? run_->ask.verb : keys::Verb::list,
                    run_->ask.id, {},
                    run_->print,  run_->by};
  if (order.verb == keys::Verb::add) order.secret = *run_->ask.secret;
  order.begins = !run_->orders && run_->ask.verb != keys::Verb::list;
  run_->is_kept_waiting = false;
  if (!run_->answers.contains(self_)) hear(moment.now, self_, order, out);
  for (const auto& [node, name] : run_->hosts) {
    if (!run_->answers.contains(node))
      out.push_back(node::Send{node, node::Way::stream, bytes_of_message(order)});
  }
}

void KeysPart::go_on(const node::Moment& moment, node::PartActions& out) {
  const bool all = run_->answers.size() == run_->hosts.size() + 1;
  if (!all && moment.now < run_->until) {
    if (moment.now >= run_->again) say(moment, out);
    return;
  }
  if (run_->orders || run_->ask.verb == keys::Verb::list) {
    finish("", false, out);
    return begin(moment, out);
  }
  if (run_->is_kept_waiting) {
    finish("another change of the keys is under way: say it again when that is over", false, out);
    return begin(moment, out);
  }
  const auto& own = keys_->ring;
  const net::ClusterKey* const known = own.find(run_->ask.id);
  const std::optional<std::uint64_t> print = print_meant();
  if (!print) {
    finish(fmt::format("no key here has the id {}", run_->ask.id), true, out);
    return begin(moment, out);
  }
  run_->print = *print;
  if (const std::string why = objection(); !why.empty()) {
    finish(why, false, out);
    return begin(moment, out);
  }
  if (run_->ask.verb == keys::Verb::add && !run_->ask.secret) {
    keys::Secret secret{};
    std::copy_n(known->key.data(), net::key_size, secret.begin());
    run_->ask.secret = secret;
  }
  run_->orders = true;
  run_->number = ++last_number_;
  run_->until = moment.now + order_patience;
  run_->answers.clear();
  say(moment, out);
}

// Of those with the id the one that this host has. What is gone here may be left on a host that was away.
// Nothing: there is none.
std::optional<std::uint64_t> KeysPart::print_meant() const {
  if (run_->ask.verb == keys::Verb::add && run_->ask.secret) return 0;
  if (const net::ClusterKey* const own = keys_->ring.find(run_->ask.id)) return net::print_of(*own);
  if (run_->ask.verb != keys::Verb::remove) return std::nullopt;
  for (const auto& [node, answer] : run_->answers) {
    const auto found = std::ranges::find(answer.keys, run_->ask.id, &keys::KeyHere::id);
    if (found != answer.keys.end()) return found->print;
  }
  return std::nullopt;
}

// By what all have answered that could.
std::string KeysPart::objection() const {
  std::vector<std::string> lack, have_another, send;
  const auto is_it = [&](const keys::KeyHere& key) {
    return key.id == run_->ask.id &&
           COORD_RULE(all_have_this_key_before_it_is_used, key.print == run_->print);
  };
  for (const auto& [node, answer] : run_->answers) {
    const auto at = run_->hosts.find(node);
    const std::string name = at == run_->hosts.end() ? own_name() : at->second;
    const bool has = std::ranges::any_of(answer.keys, is_it);
    const bool has_id = std::ranges::find(answer.keys, run_->ask.id, &keys::KeyHere::id) != answer.keys.end();
    if (!has) (has_id ? have_another : lack).push_back(name);
    if (!answer.keys.empty() && is_it(answer.keys.front())) send.push_back(name);
  }
  std::ranges::sort(have_another);
  std::ranges::sort(lack);
  std::ranges::sort(send);
  if (run_->ask.verb == keys::Verb::use && !have_another.empty())
    return fmt::format("{} {} another key under this id: `dpeers key remove {}` there first",
                       some_of(have_another), have_another.size() == 1 ? "has" : "have", run_->ask.id);
  if (run_->ask.verb == keys::Verb::use && !COORD_RULE(all_have_a_key_before_it_is_used, lack.empty()))
    return fmt::format("{} {} this key: `dpeers key add {}` gives it to all", some_of(lack),
                       lack.size() == 1 ? "lacks" : "lack", run_->ask.id);
  if (run_->ask.verb == keys::Verb::remove && !COORD_RULE(key_used_by_others_stays, send.empty()))
    return fmt::format("{} {} by this key: `dpeers key use` another one first", some_of(send),
                       send.size() == 1 ? "sends" : "send");
  return "";
}

std::string KeysPart::own_name() const {
  const auto found = names_.find(self_);
  return found == names_.end() ? std::string("this host") : found->second;
}

keys::OfHost KeysPart::of_host(NodeId node, const std::string& name) const {
  keys::OfHost host;
  host.name = name.substr(0, 64);
  host.local = node == self_;
  const auto found = run_->answers.find(node);
  if (found == run_->answers.end()) return host;
  host.answered = true;
  host.done = found->second.done;
  host.why = found->second.why;
  host.keys = found->second.keys;
  return host;
}

// Nothing is changed: the others need not wait for it.
void KeysPart::give_up(node::PartActions& out) {
  if (promised_ && promised_->to == self_) promised_.reset();
  keys::Order none{run_->number, keys::Verb::list, {}, {}, 0, run_->by};
  for (const auto& [node, answer] : run_->answers)
    if (node != self_) out.push_back(node::Send{node, node::Way::stream, bytes_of_message(none)});
}

void KeysPart::finish(const std::string& refused, bool is_wrong, node::PartActions& out) {
  if (!run_->orders && run_->ask.verb != keys::Verb::list) give_up(out);
  std::vector<keys::OfHost> hosts{of_host(self_, own_name())};
  for (const auto& [node, name] : run_->hosts) hosts.push_back(of_host(node, name));
  std::ranges::sort(hosts, {}, &keys::OfHost::name);
  for (std::size_t begin = 0; begin < hosts.size(); begin += hosts_a_piece) {
    const std::size_t end = std::min(begin + hosts_a_piece, hosts.size());
    const keys::Told told{refused.substr(0, 1024),
                          is_wrong,
                          {hosts.begin() + static_cast<std::ptrdiff_t>(begin),
                           hosts.begin() + static_cast<std::ptrdiff_t>(end)},
                          end == hosts.size()};
    out.push_back(node::ToTool{run_->connection, run_->request, wire::encode(told, wire::channels_since)});
  }
  run_.reset();
}

// ---- what other hosts say

void KeysPart::hear(NodeId from, const keys::Answer& answer) {
  const bool is_asked =
      run_ && answer.number == run_->number && (from == self_ || run_->hosts.contains(from));
  if (!is_asked) return;
  if (answer.is_busy && !run_->orders) {
    run_->is_kept_waiting = true;  // it is asked again
  } else {
    run_->answers[from] = answer;
  }
}

// False: another host's change has begun here.
bool KeysPart::promise(Instant now, NodeId to) {
  const bool is_free = !promised_ || promised_->to == to || now >= promised_->until;
  if (!COORD_RULE(one_change_of_keys_at_a_time, is_free)) return false;
  promised_ = {to, now + promised_for};
  return true;
}

void KeysPart::hear(Instant now, NodeId from, const keys::Order& order, node::PartActions& out) {
  const Change asked{from, order};
  const bool only_lists = order.verb == keys::Verb::list && !order.begins;
  if (only_lists && promised_ && promised_->to == from) promised_.reset();
  // What is so already was carried out before, and the answer got lost.
  const auto next = ring_after(keys_->ring, order);
  const bool is_so = order.verb != keys::Verb::list && next && !*next;
  if (!only_lists && !is_so && !promise(now, from)) return answer(asked, busy, out);
  if (order.verb == keys::Verb::list) return answer(asked, "", out);
  const bool waits = std::ranges::any_of(
      changes_, [&](const Change& one) { return one.from == from && one.order == order; });
  if (waits || changes_.size() >= most_changes) return;
  changes_.push_back(asked);
  change(out);
}

// The next one. In force only once it is on the disk.
void KeysPart::change(node::PartActions& out) {
  while (!writes_ && !changes_.empty()) {
    auto next = ring_after(keys_->ring, changes_.front().order);
    if (next && *next) {
      writes_ = true;
      out.push_back(node::Do{std::make_shared<WriteKeys>(std::move(**next), changes_.front().order.by)});
      return;
    }
    const Change over = std::move(changes_.front());
    changes_.pop_front();
    answer(over, next ? "" : next.error().what, out);
  }
}

void KeysPart::answer(const Change& change, const std::string& why, node::PartActions& out) {
  keys::Answer answer{change.order.number, why.empty(), why.substr(0, 300), here(), why == busy};
  const bool is_over = change.order.verb != keys::Verb::list && !answer.is_busy;
  if (is_over && promised_ && promised_->to == change.from) promised_.reset();
  if (change.from == self_) return hear(self_, answer);
  out.push_back(node::Send{change.from, node::Way::stream, bytes_of_message(answer)});
}

std::vector<keys::KeyHere> KeysPart::here() const {
  std::vector<keys::KeyHere> all;
  for (const net::ClusterKey& key : keys_->ring.keys()) all.push_back({key.id, net::print_of(key)});
  return all;
}

}  // namespace coord::daemon
