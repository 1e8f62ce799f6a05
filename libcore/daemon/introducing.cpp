// SPDX-License-Identifier: MIT
#include "daemon/introducing.hpp"

#include "base/format.hpp"
#include "base/rule.hpp"
#include "daemon/settings.hpp"

namespace coord::daemon {

namespace {

// A founder's name is as a voter's, until it is out of the group and its number was lost with its disk. To
// others one that learns is as a voter: nobody could name it, once another one has its name.
std::optional<wire::KnownPeer> known(const Introducer& who, const net::Roster::Node* node, NodeId asker) {
  if (node == nullptr) return std::nullopt;
  const bool may_be_another = node->founder && who.is_out(node->id) && !who.seems_alive(node->id);
  const bool learns = node->id != asker && who.learns(node->id);
  const bool votes = COORD_RULE_OR(founder_is_out_before_its_name_is_taken,
                                   (node->founder || node->voter || learns) && !may_be_another, false);
  return wire::KnownPeer{node->id, node->name, node->address.text(), votes};
}

bool makes_sense(const wire::IntroductionQuestion& question, Level level) {
  const auto address = net::parse_address(question.address);
  return is_peer_name(question.name) && (question.zone.empty() || is_peer_name(question.zone)) &&
         question.node != NodeId{} && question.life != 0 && question.knows >= level && address &&
         !address->host.empty() && address->port != 0;
}

// One that votes, as the group knows it: its registration comes by its own log.
bool is_that_voter(const wire::IntroductionQuestion& question, const wire::Introduction& answer) {
  return answer.of_node &&
         *answer.of_node == wire::KnownPeer{question.node, question.name, question.address, true};
}

// A name of one that votes, or a number that goes with another name, is never given to another host.
bool is_another(const wire::IntroductionQuestion& question, const wire::Introduction& answer) {
  const auto& name = answer.of_name;
  const auto& node = answer.of_node;
  return (name && name->votes && name->node != question.node) ||
         (node && (node->votes || node->name != question.name));
}

// The number that is refused for ever from then on: that of a founder's disk, or of one that has voted, under
// the name that another disk comes with now.
NodeId retired_by(const Introducer& who, const wire::IntroductionQuestion& question) {
  const net::Roster::Node* const founder = who.roster.find(question.name);
  if (founder != nullptr && founder->founder && founder->id != question.node) return founder->id;
  for (const auto& [node, registration] : who.machine.state().registrations)
    if (registration.name == question.name && registration.voted && node != question.node) return node;
  for (const auto& [node, name] : who.machine.state().voted_before)
    if (name == question.name && node != question.node) return node;
  return {};
}

// What it has promised counts for nothing any more, and nobody speaks for it. A founder's name is not free
// before (known()).
bool may_be_retired(const Introducer& who, NodeId node) {
  const net::Roster::Node* const known = who.roster.find(node);
  return node == NodeId{} || (known != nullptr && known->founder) ||
         (who.is_out(node) && !who.seems_alive(node));
}

std::string why_not(const Introducer& who, Level level) {
  // Before anybody leads, nothing of the log is applied, and the level is not known.
  if (who.has_begun && !who.has_leader) return "it sees no leader";
  if (who.has_begun && level < 2) return "its group is at level 1, which takes no host in: see dpeers level";
  return "its group has not begun, or it has not caught up";
}

// Of a group that has noted as much as it can, why nobody comes in; else empty.
std::string why_full(const Introducer& who, bool is_registered, NodeId retires) {
  const service::State& state = who.machine.state();
  service::CoreLimits limits;
  limits.set_level(who.machine.level());
  if (!is_registered && state.registrations.size() >= limits.nodes)
    return fmt::format("its group has {} hosts, which is the most: dpeers remove one that is gone for good",
                       limits.nodes);
  if (retires != NodeId{} && !state.retired.contains(retires) && state.retired.size() >= limits.retired)
    return fmt::format(
        "its group has noted {} disks that were lost, which is the most: found it anew (coordd --found-from)",
        limits.retired);
  return {};
}

}  // namespace

Introduced introduce(const Introducer& who, const wire::IntroductionQuestion& question,
                     const std::string& source) {
  Introduced told;
  wire::Introduction& answer = told.answer;
  answer.name = who.name;
  answer.life = who.life;
  answer.seen = source;
  answer.group = who.group;
  answer.level = who.machine.level();
  answer.at = who.machine.state().applied;
  const bool has_state = who.has_begun && who.has_leader && answer.level >= 2 && !answer.group.empty();
  if (!COORD_RULE(introduced_by_who_has_the_state, has_state)) {
    answer.why_not = why_not(who, answer.level);
    return told;
  }
  for (const auto& [id, node] : who.roster.all())
    if (node.founder || node.voter) answer.voters.push_back({id, node.name, node.address.text(), node.voter});
  answer.founders = who.founders;
  answer.of_name = known(who, who.roster.find(question.name), question.node);
  answer.name_lives =
      answer.of_name && answer.of_name->node != question.node && who.seems_alive(answer.of_name->node);
  answer.of_node = known(who, who.roster.find(question.node), question.node);
  answer.is_retired = who.machine.state().retired.contains(question.node);
  answer.is_put_out = who.machine.state().put_out.contains(question.node);
  answer.name_learns = answer.of_name && who.learns(answer.of_name->node);
  answer.is_out = question.node != NodeId{} && who.is_out(question.node);
  const auto& registrations = who.machine.state().registrations;
  if (const auto named = answer.of_name ? registrations.find(answer.of_name->node) : registrations.end();
      named != registrations.end())
    answer.name_since = named->second.named.value;
  answer.is_registered = registrations.contains(question.node);
  const bool is_of_group = question.group.empty() || question.group == answer.group;
  if (question.rejoins && is_of_group && answer.of_name && answer.of_name->votes &&
      answer.of_name->node != question.node && !who.seems_alive(answer.of_name->node))
    told.removes = answer.of_name->node;
  if (!question.admit || !makes_sense(question, answer.level) || question.group != answer.group) return told;
  if (is_that_voter(question, answer)) {
    answer.admitted = true;
    return told;
  }
  if (!COORD_RULE(names_of_voters_are_theirs, !is_another(question, answer))) return told;
  // At its own address it is that very place, and the disk is another one.
  const bool is_elsewhere = answer.of_name && answer.of_name->address != question.address;
  if (!COORD_RULE(living_name_is_not_taken, !(answer.name_lives && is_elsewhere))) return told;
  const auto found = registrations.find(question.node);
  answer.admitted = found != registrations.end() && found->second.nonce == question.life &&
                    found->second.name == question.name;
  // The name may be free before that is committed; admitted then, nobody would retire the lost number.
  const NodeId retires = retired_by(who, question);
  if (!COORD_RULE(retired_once_it_is_out, may_be_retired(who, retires))) return told;
  if (answer.admitted) return told;
  answer.why_not = why_full(who, answer.is_registered, retires);
  if (answer.why_not.empty())
    told.admit = service::Register{
        question.node, question.life,    who.machine.registration(question.node), question.knows,
        question.name, question.address, LogIndex{question.instead_of},           question.zone,
        retires};
  return told;
}

}  // namespace coord::daemon
