// SPDX-License-Identifier: MIT
#include "service/values/values.hpp"

#include "base/rule.hpp"
#include "service/core.hpp"
#include "service/ownership.hpp"
#include "service/words.hpp"

namespace coord::service {

Values::Map& Values::map() {
  return core_->part<KeptValues>().values;
}
const Values::Map& Values::map() const {
  return std::as_const(*core_).part<KeptValues>().values;
}

const Value* Values::find(const std::string& key) const {
  const auto found = map().find(key);
  return found == map().end() ? nullptr : &found->second;
}

// ---- what is changed

// Whether this user may change the key as it is now.
Refusal Values::check_key(const std::string& key, std::uint32_t uid, const std::string& user,
                          const WantedVersion& wanted) const {
  if (!valid_name(key, core_->limits())) return Refusal::invalid;
  if (!may_use(key, uid, user)) return Refusal::not_yours;
  if (core_->state().closed) return Refusal::moving;
  const Value* value = find(key);
  const Token version = value == nullptr ? Token{} : value->version;
  if (wanted && !COORD_RULE(only_the_version_that_was_named, *wanted == version))
    return Refusal::wrong_version;
  const bool lives = value != nullptr && value->session != SessionId{};
  return COORD_RULE_OR(session_key_is_its_sessions, lives, false) ? Refusal::lives_with_command
                                                                  : Refusal::none;
}

Refusal Values::check_room(const std::string& key, const std::string& value, std::uint32_t uid,
                           const std::string& user) const {
  const Limits& limits = core_->limits();
  if (value.size() > limits.one_value_bytes) return Refusal::invalid;
  const Value* old = find(key);
  const std::size_t freed = old == nullptr ? 0 : old->bytes.size();
  if (bytes_ - freed + value.size() > limits.all_value_bytes) return Refusal::too_many_values;
  if (old == nullptr && map().size() >= limits.value_keys) return Refusal::too_many_values;
  const auto of_user = keys_of_user_.find(user);
  const bool more = old == nullptr || old->user != user;
  if (uid != 0 && more && of_user != keys_of_user_.end() && of_user->second >= limits.value_keys_of_user)
    return Refusal::too_many_values_of_user;
  return Refusal::none;
}

Token Values::store(const std::string& key, const std::string& value, const std::string& user, Step& step) {
  Value& entry = map()[key];
  const bool is_new = entry.version == Token{};
  if (!is_new && --keys_of_user_[entry.user] == 0) keys_of_user_.erase(entry.user);
  ++keys_of_user_[user];
  bytes_ += value.size() - entry.bytes.size();
  entry = {value, core_->next_token(step.index), user, step.wall, {}, 0};
  step.effects.push_back(ValueChanged{key});
  return entry.version;
}

void Values::erase(Map::iterator entry, Step& step) {
  bytes_ -= entry->second.bytes.size();
  if (--keys_of_user_[entry->second.user] == 0) keys_of_user_.erase(entry->second.user);
  step.effects.push_back(ValueChanged{entry->first});
  map().erase(entry);
}

void Values::refuse(Refusal why, const std::string& key, Step& step) const {
  const Value* value = find(key);
  step.effects.push_back(ValueAnswered{step.to, why, value == nullptr ? Token{} : value->version});
}

void Values::on(const PutValue& body, Step& step) {
  Refusal why = check_key(body.key, body.uid, body.user, body.wanted);
  if (why == Refusal::none) why = check_room(body.key, body.value, body.uid, body.user);
  if (why != Refusal::none) return refuse(why, body.key, step);
  const Token version = store(body.key, body.value, body.user, step);
  step.effects.push_back(ValueAnswered{step.to, Refusal::none, version});
}

void Values::on(const RemoveValue& body, Step& step) {
  Refusal why = check_key(body.key, body.uid, body.user, body.wanted);
  const auto found = map().find(body.key);
  if (why == Refusal::none && found == map().end()) why = Refusal::no_such_key;
  if (why != Refusal::none) return refuse(why, body.key, step);
  const Token version = found->second.version;
  erase(found, step);
  step.effects.push_back(ValueAnswered{step.to, Refusal::none, version});
}

// It opens its own session, which has this key and no other.
void Values::on(const Acquire& body, Step& step) {
  const SessionValue& put = *body.put;
  Refusal why = core_->check_sender(body.open, body.session, step.to.node);
  const bool alone = body.open && body.names.empty() && !body.candidacy && body.inside.empty() && !body.join;
  if (why == Refusal::none && !alone) why = Refusal::invalid;
  if (why == Refusal::none) why = check_key(put.key, body.open->owner.uid, body.open->owner.user, put.wanted);
  if (why == Refusal::none) why = check_room(put.key, put.value, body.open->owner.uid, body.open->owner.user);
  if (why != Refusal::none) return step.refuse(why, body.session, body.request);
  const SessionId session{step.index.value};
  core_->open_session(*body.open, session, step);
  const Token version = store(put.key, put.value, body.open->owner.user, step);
  Value& value = map().at(put.key);
  value.session = session;
  value.request = body.request;
  key_of_.emplace(session, put.key);
  step.effects.push_back(
      Granted{.to = step.to, .session = session, .request = body.request, .token = version});
}

void Values::session_ends(SessionId session, End, Step& step) {
  const auto key = key_of_.find(session);
  if (key == key_of_.end()) return;
  const auto entry = map().find(key->second);
  key_of_.erase(key);
  if (COORD_RULE_OR(session_key_ends_with_session, entry != map().end(), false)) erase(entry, step);
}

std::optional<Standing> Values::standing(SessionId session, std::uint64_t number) const {
  const auto key = key_of_.find(session);
  if (key == key_of_.end()) return std::nullopt;
  const Value* value = find(key->second);
  if (value == nullptr || value->request != number) return std::nullopt;
  return Standing{Standing::Kind::held, value->version};
}

Status Values::rebuild(Rebuild& rebuild) {
  for (const auto& [key, value] : map()) {
    if (!valid_name(key, core_->limits()) || value.bytes.size() > core_->limits().one_value_bytes)
      return inconsistent("a key or a value beyond its bounds");
    if (value.version == Token{} || value.version > core_->state().last_token ||
        !rebuild.is_new(value.version))
      return inconsistent("a value whose version was not given, or twice");
    bytes_ += value.bytes.size();
    ++keys_of_user_[value.user];
    if (value.session == SessionId{}) continue;
    const bool lives = core_->session(value.session) != nullptr;
    if (!lives || !rebuild.is_new(value.session, value.request) ||
        !key_of_.emplace(value.session, key).second)
      return inconsistent("a key whose session has ended, or has another");
  }
  if (map().size() > core_->limits().value_keys || bytes_ > core_->limits().all_value_bytes)
    return inconsistent("more values than there may be");
  return done();
}

// ---- what is told

KeyRecord Values::record_of(const std::string& key, const Value& value) const {
  KeyRecord record{key, value.version, value.bytes.size(), value.user, value.since, {}, 0};
  if (const Session* session = core_->session(value.session)) {
    record.host = session->owner.host;
    record.pid = session->owner.pid;
  }
  return record;
}

ValueView Values::answer(const GetValue& question) const {
  const Value* value = find(question.key);
  if (value == nullptr) return {KeyRecord{question.key, {}, 0, {}, {}, {}, 0}, {}};
  return {record_of(question.key, *value), value->bytes};
}

ValuesView Values::answer(const ListValues& question) const {
  constexpr std::size_t together = 1'000;  // below half a frame with the longest names
  ValuesView view;
  auto at = question.after < question.prefix ? map().lower_bound(question.prefix)
                                             : map().upper_bound(question.after);
  for (; at != map().end() && at->first.starts_with(question.prefix); ++at) {
    view.more = view.keys.size() == together;
    if (view.more) break;
    view.keys.push_back(record_of(at->first, at->second));
  }
  return view;
}

void Values::list_holding(Words& words) const {
  for (const auto& [session, key] : key_of_) words.add("key", key, core_->session(session));
}

void Values::list_staying(Words& words) const {
  for (const auto& [key, value] : map()) {
    if (value.session == SessionId{}) words.add("key", key, nullptr);
  }
}

}  // namespace coord::service
