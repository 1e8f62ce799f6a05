// SPDX-License-Identifier: MIT
// Decisions among sites that may lie: whom this peer believes (signing.hpp), and what.
#include <algorithm>
#include <chrono>
#include <utility>

#include "agreements/part.hpp"
#include "base/format.hpp"
#include "base/rule.hpp"

namespace coord::agreements {

namespace {

using consensus::Canonical;
using Why = CannotTell::Why;

std::string_view as_text(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

ByteView as_bytes(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

Canonical item_words(const Item& item) {
  return std::move(Canonical().put("item").put(as_text(item.message)));
}

Bytes bytes_of(const Signature& signature) {
  return {signature.bytes.begin(), signature.bytes.end()};
}

bool is_signed(const consensus::Notary& notary, NodeId by, const Canonical& words, const Bytes& with) {
  Signature signature;
  if (with.size() != signature.bytes.size()) return false;
  std::copy(with.begin(), with.end(), signature.bytes.begin());
  return notary.verify(by, words.view(), signature);
}

}  // namespace

// The question is of one life of who asked.
Canonical told_words(const TellDecided& what, const Digest& value, NodeId asked_by) {
  Canonical words;
  words.put("told").put(asked_by).put(what.question).put(what.begun ? 1U : 0U).put(what.decided ? 1U : 0U);
  if (COORD_RULE_OR(the_value_is_signed, true, false)) words.put(value);
  return words;
}

// ---- keys

void AgreementsPart::take_pins() {
  if (!signer_) return;
  pinned_.clear();
  for (const NodeId node : known_) {
    const auto found = pins_.find(host_of(node));
    if (found != pins_.end()) pinned_[node] = found->second;
  }
  pinned_[self_] = signer_->own();
}

bool AgreementsPart::may_be_site(const node::Moment& moment, NodeId node) const {
  return std::ranges::binary_search(log_->voters(moment).value_or(founders_), node);
}

// Once the group knows what is said here: then whenever a link stands.
void AgreementsPart::ask_for_keys(const node::Moment& moment) {
  if (!signer_ || asked_for_keys_ || moment.level < wire::channels_since) return;
  asked_for_keys_ = true;
  for (const NodeId node : known_) {
    if (!pinned_.contains(node) && may_be_site(moment, node)) hello(node, true);
  }
}

// This life of this peer founds the group if it began with nothing, and so had all others. The latter is
// known once it has founded: whose disk was lost begins with nothing too, and never does.
void AgreementsPart::see_whether_it_founds(const node::Moment& moment) {
  if (!founds_) founds_ = std::ranges::binary_search(founders_, self_) && log_->has_nothing(moment);
  if (*founds_ && log_->is_learning_anew(moment)) founds_ = false;
  if (!*founds_) shown_while_founding_.clear();
  if (has_group_) return;
  has_group_ = COORD_RULE_OR(only_a_group_that_was_founded_here_pins, !log_->has_nothing(moment), true);
  if (!has_group_ || !*founds_) return;
  no_lease_was_given();
  for (const auto& [node, key] : shown_while_founding_) {
    if (key) {
      pin_by_itself(node, *key);
    } else {
      out_.push_back(node::Report{fmt::format(
          "agreements: two signing keys were shown under the name of {} while the group was founded: none of "
          "them is pinned; pin the one that `dpeers doctor` on {} says is its own, by `dpeers key pin`",
          host_of(node), host_of(node))});
    }
  }
}

// Of a founder. Two keys shown under one name: somebody is not who he says he is.
void AgreementsPart::pin_by_itself(NodeId node, const PublicKey& key) {
  const auto shown = shown_while_founding_.try_emplace(node, key).first;
  if (shown->second != key) shown->second.reset();
  if (!has_group_ || !shown->second || !pinning_.insert(node).second) return;
  auto work = std::make_shared<Pin>();
  work->node = node;
  work->host = host_of(node);
  work->key = key;
  out_.push_back(node::Do{std::move(work)});
}

// By itself only what the founders show each other while they found the group. Later anybody who has the
// group's key might be the first to come.
void AgreementsPart::shows_key(const node::Moment& moment, NodeId from, const Bytes& shown) {
  PublicKey key{};
  if (!signer_ || shown.size() != key.size()) return;
  std::copy(shown.begin(), shown.end(), key.begin());
  const auto pinned = pinned_.find(from);
  if (pinned == pinned_.end()) {
    const bool is_founder = std::ranges::binary_search(founders_, from);
    if (may_be_site(moment, from)) other_keys_[from] = key;
    if (COORD_RULE(only_a_new_group_pins_by_itself, is_founder && founds_.value_or(false)))
      pin_by_itself(from, key);
    return;
  }
  // Whoever has the group's key can show one under any name.
  if (pinned->second == key) {
    other_keys_.erase(from);
    return;
  }
  other_keys_[from] = key;
  if (!other_told_.insert(from).second) return;
  out_.push_back(node::Report{fmt::format(
      "agreements: {} shows the signing key {}, or somebody does under its name, and {} is pinned: "
      "signatures of the shown key are not accepted; only if `dpeers doctor` on {} itself says that "
      "it is its own, pin it here by `dpeers key pin`",
      host_of(from), text_of(key), text_of(pinned->second), host_of(from))});
}

void AgreementsPart::pinned(const node::Moment& moment, const Pin& work) {
  const auto asked = pinning_by_hand_.extract(&work);
  if (!work.by_hand) pinning_.erase(work.node);
  if (!work.outcome) {
    if (!asked.empty()) tell(asked.mapped(), CannotTell{Why::store, work.outcome.error().text()});
    return out_.push_back(node::Report{fmt::format("agreements: the signing key of {} cannot be pinned: {}",
                                                   work.host, work.outcome.error().text())});
  }
  pins_[work.host] = work.key;
  take_pins();
  // Of all numbers that the host has had.
  std::erase_if(other_keys_, [&](const auto& other) {
    return host_of(other.first) == work.host && other.second == work.key;
  });
  std::erase_if(other_told_, [&](NodeId node) { return host_of(node) == work.host; });
  if (work.by_hand)
    out_.push_back(node::Report{
        fmt::format("agreements: the signing key of {} is {}, by hand", work.host, text_of(work.key))});
  if (!asked.empty()) tell(asked.mapped(), signing_keys(moment));
}

// Those who vote, and whose key is pinned.
SigningKeys AgreementsPart::signing_keys(const node::Moment& moment) const {
  SigningKeys keys;
  if (!signer_) return keys;
  keys.own = text_of(signer_->own());
  for (const NodeId node : known_) {
    const auto pinned = pinned_.find(node), other = other_keys_.find(node);
    if (node == self_ || (pinned == pinned_.end() && !may_be_site(moment, node))) continue;
    keys.others.push_back({host_of(node), pinned == pinned_.end() ? "" : text_of(pinned->second),
                           other == other_keys_.end() ? "" : text_of(other->second)});
  }
  return keys;
}

void AgreementsPart::asked(const node::Moment& moment, Tool tool, const GetSigningKeys&) {
  const SigningKeys keys = signing_keys(moment);
  tell(tool, keys);
  if (!signer_) return;
  for (const NodeId node : known_) {
    if (!pinned_.contains(node) && !other_keys_.contains(node) && may_be_site(moment, node))
      hello(node, true);
  }
}

// By an operator of this host: on(FromTool) has seen to that.
void AgreementsPart::asked(const node::Moment&, Tool tool, const PinSigningKey& what) {
  constexpr std::size_t most = 16;  // that are being written
  const auto key = key_of(what.key);
  const auto node = std::ranges::find(known_, what.host, [&](NodeId each) { return host_of(each); });
  if (!signer_) return tell(tool, CannotTell{Why::store, "this host's signing key cannot be read"});
  if (!key) return tell(tool, CannotTell{Why::wrong, "that is no key: one is ed25519: and base64"});
  if (node == known_.end()) return tell(tool, CannotTell{Why::wrong, "no host of the group has this name"});
  if (*node == self_)
    return tell(tool, CannotTell{Why::wrong, "this host's own key is not pinned: it is in its file"});
  if (pinning_by_hand_.size() >= most)
    return tell(tool, CannotTell{Why::open, "too many keys are being pinned: try again"});
  auto work = std::make_shared<Pin>();
  work->node = *node;
  work->host = what.host;
  work->key = *key;
  work->by_hand = true;
  pinning_by_hand_.emplace(work.get(), tool);
  out_.push_back(node::Do{std::move(work)});
}

std::unique_ptr<SiteNotary> AgreementsPart::notary(const node::Moment& moment, const Known& known,
                                                   Token generation) const {
  if (!signer_) return nullptr;
  return std::make_unique<SiteNotary>(signer_, pinned_, self_, log_->group(moment), known.name, generation,
                                      known.sites);
}

// ---- messages

void AgreementsPart::sign(const Site& site, Item& item) const {
  if (site.notary) item.signature = bytes_of(site.notary->sign(item_words(item).view()));
}

// Nobody has an answer to it before it is asked: of this host's own signature, which it shows nobody. Its
// life would not do, which is in every Hello, nor what its random numbers begin with, of which the life is
// the first.
std::uint64_t AgreementsPart::next_question() {
  const std::uint64_t number = ++last_question_;
  if (!signer_ || !COORD_RULE_OR(questions_are_not_foretold, true, false)) return number;
  Canonical words;
  words.put("coordutils question 1").put(life_).put(number);
  const Signature secret = signer_->sign(words.view());
  const Digest digest = signer_->digest({secret.bytes.data(), secret.bytes.size()});
  std::uint64_t question = 0;
  for (std::size_t i = 0; i < sizeof question; ++i) question = question << 8U | digest.bytes[i];
  return question;
}

// The link does not count. Of what is asked in vain the site goes on by time for a while.
bool AgreementsPart::is_believed(const node::Moment& moment, Site& site, NodeId from,
                                 const Item& item) const {
  constexpr Duration asked_for = std::chrono::seconds(5);
  if (!site.notary) return COORD_RULE(only_fixed_sites_are_heard, is_site(site.known, from));
  const service::DecisionSite* const fixed = site.known.site(from);
  if (fixed == nullptr || fixed->disk == 0) return false;
  if (!COORD_RULE(messages_are_signed_by_their_sender,
                  is_signed(*site.notary, from, item_words(item), item.signature)))
    return false;
  const auto text = site.algorithm->describe(item.message);
  if (text && text->type == "request") site.driven_until = moment.now + asked_for;
  return true;
}

TellDecided AgreementsPart::answer_of(const Site& site, NodeId asked_by, const AskDecided& what) const {
  TellDecided answer;
  answer.generation = what.generation;
  answer.question = what.question;
  answer.begun = site.begun();
  answer.decided = site.decided.has_value();
  if (!site.notary) {
    if (site.decided) answer.value = site.decided->value;
    return answer;
  }
  // A proof is worth nothing to those who have another key of one whose word is in it: they count the sites
  // that say so.
  if (site.decided) {
    answer.proof = site.core->proof().value_or(Bytes{});
    answer.value = site.decided->value;
  }
  const Digest value = site.notary->digest(as_bytes(answer.value));
  answer.signature = bytes_of(site.notary->sign(told_words(answer, value, asked_by).view()));
  return answer;
}

// What this proves to anybody; nullopt: nothing.
std::optional<std::string> AgreementsPart::proved(const node::Moment& moment, const Known& known,
                                                  Token generation, const Bytes& proof) const {
  const classical::Algorithm* const algorithm = hosted(known.algorithm);
  const auto notary = this->notary(moment, known, generation);
  const std::vector<NodeId> nodes = known.nodes();
  if (algorithm == nullptr || !notary || nodes.size() < 2) return std::nullopt;
  classical::Setup setup;
  setup.group = {nodes[0], nodes};
  setup.now = moment.now;
  setup.notary = notary.get();
  setup.options["places"] = "1";
  const auto observer = algorithm->make(setup);
  if (!observer) return std::nullopt;
  const auto actions = (*observer)->receive(moment.now, nodes[1], proof);
  if (!actions) return std::nullopt;
  for (const classical::Action& action : *actions) {
    const auto* told = std::get_if<classical::Tell>(&action);
    const auto* decided = told == nullptr ? nullptr : std::get_if<classical::Decided>(&told->what);
    if (decided != nullptr) return decided->value;
  }
  return std::nullopt;
}

bool AgreementsPart::is_signed_by(const node::Moment& moment, NodeId from, const TellDecided& what,
                                  const Known& known) const {
  const auto notary = this->notary(moment, known, what.generation);
  const service::DecisionSite* const fixed = known.site(from);
  if (!notary || fixed == nullptr || fixed->disk == 0) return false;
  return is_signed(*notary, from, told_words(what, notary->digest(as_bytes(what.value)), self_),
                   what.signature);
}

// By so many sites that one of them does not lie: what is decided is never another value later, so that an
// answer to an earlier question counts as well.
bool AgreementsPart::is_told_by_enough(NodeId from, const TellDecided& what, const Known& known) {
  const std::size_t faulty = (known.sites.size() - 1) / 3;
  auto& told = told_[what.generation];
  told[from] = signer_->digest(as_bytes(what.value));
  const auto same = std::ranges::count_if(told, [&](const auto& each) { return each.second == told[from]; });
  const std::size_t enough = COORD_RULE_OR(told_by_one_who_does_not_lie, faulty + 1, std::size_t{1});
  return static_cast<std::size_t>(same) >= enough;
}

// That something was decided counts by its proof, whoever sends it, or by f+1 who say so; that it was not, by
// who says so.
void AgreementsPart::told_by_signature(const node::Moment& moment, NodeId from, const TellDecided& what,
                                       const Known& known) {
  TellDecided believed = what;
  if (what.decided) {
    auto value = proved(moment, known, what.generation, what.proof);
    if (!value && (!is_signed_by(moment, from, what, known) || !is_told_by_enough(from, what, known))) return;
    CannotTell why;
    Site* const own = site(moment, what.generation, why);
    const bool is_open = own != nullptr && !own->decided && !own->broken;
    if (value) {
      believed.value = std::move(*value);
      if (is_open) {
        auto actions = own->core->receive(moment.now, from, what.proof);
        if (actions) perform(moment, what.generation, *own, std::move(*actions));
      }
    } else if (is_open) {
      decide(moment, what.generation, *own, what.value);
    }
  } else if (!COORD_RULE(answers_are_signed_by_their_sender, is_signed_by(moment, from, what, known))) {
    return;
  }
  answered(what.generation, from, believed);
}

}  // namespace coord::agreements
