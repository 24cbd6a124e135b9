/* Beginnings, lessons and ends that every plot may use. */
#include "base/checked.h"
#include "stories/plots.h"

const char *const story_openings[] = {
    "Once upon a time, there was <H.a>. <^H.he> lived <L.in>.",
    "Once upon a time, <L.in>, there lived <H.a>.",
    "Once upon a time, <H.a> lived <L.in>.",
    "There once was <H.a> who lived <L.in>.",
    "{Long ago|A long time ago}, <L.in>, there lived <H.a>.",
    "<^L.in> lived <H.a>.",
    "Once there was <H.a>. <^H.his> home was <L.in>.",
    "This is the story of <H.a>, who lived <L.in>.",
    "Not so long ago, there was <H.a>. <^H.he> lived <L.in>, near <L.see>.",
    "Once upon a time, there was <H.a> who lived <L.in>.",
    "<^H.a> lived <L.in>. {Everyone there knew <H.him>.|<^H.he> was {always busy|always curious|kind to everyone}.|}",
    "Once, <L.in>, there was <H.a>.",
    "In a land far away, there was <H.a>. <^H.he> lived <L.in>.",
};
const size_t story_n_openings = ARRAY_LEN(story_openings);

const char *const story_openings_named[] = {
    "<^H.n> was ~ <H.adj> <H.k> who lived <L.in>.",
    "Do you know <H.n>? <^H.he> was ~ <H.adj> <H.k> who lived <L.in>.",
    "Once upon a time, there was ~ <H.adj> <H.k>. <^H.his> name was <H.n>, and <H.he> lived <L.in>.",
    "<^L.in>, there was ~ <H.adj> <H.k>. Everyone called <H.him> <H.n>.",
    "<^H.n> lived <L.in>. <^H.he> was ~ <H.adj> <H.k>.",
};
const size_t story_n_openings_named = ARRAY_LEN(story_openings_named);

const char *const story_second[] = {
    "<^H> loved to <H.do>.",
    "Every day, <H> liked to <H.do>.",
    "<^H.he> loved to <H.do>{ and to <H.do>|}.",
    "More than anything, <H> loved to <H.do>.",
    "On most days, <H.he> could be seen near <L.see>.",
    "Most of all, <H.he> liked to <H.do>.",
    "When the sun was shining, <H> liked to <H.do>.",
    "<^H> was known for two things: <H.he> liked to <H.do>, and <H.he> loved <H.food>.",
    "From <H.his> home, <H.he> could see <L.see>.",
    "There was nothing <H> liked more than <H.food>.",
    "Each morning, <H> <H.went> <L.to> to see what was new.",
    "",
    "",
};
const size_t story_n_second = ARRAY_LEN(story_second);

const char *const story_endings[] = {
    "And they lived happily ever after.",
    "The end.",
    "And they all lived happily ever after.",
    "And that is the end of the story.",
    "And if you go there, you may still hear them laugh.",
    "What a day that was!",
    "That night, <H> slept very well.",
    "And <H> went to sleep with a smile.",
    "It was a day that <H> never forgot.",
    "<^H> never forgot that day.",
    "And so the day ended well.",
    "",
    "",
    "",
    "",
};
const size_t story_n_endings = ARRAY_LEN(story_endings);

const char *const story_lessons[LESSONS] = {
    [LESSON_SHARE] = "{<^H> learned that {sharing makes everything better|food tastes best when it is shared|it feels "
        "good to share}.|Sharing had made <H.him> happier than keeping.|To share is to have twice as much.|}",
    [LESSON_KIND] = "{<^H> learned that {a kind heart is stronger than anything|a little kindness can change a lot|"
        "kindness always comes back}.|One small act of kindness had changed everything.|}",
    [LESSON_BRAVE] = "{<^H> learned that {being brave means to try even when you are afraid|many things are not as "
        "scary as they seem|it is all right to be afraid sometimes}.|<^H> knew now that <H.he> could be brave.|}",
    [LESSON_FRIEND] = "{<^H> learned that {a good friend is the best thing in the world|friends are always there for "
        "each other|a true friend is worth more than gold}.|With a good friend, every day is a good day.|}",
    [LESSON_HONEST] = "{<^H> learned that {it is always best to tell the truth|it feels good to be honest|the truth "
        "is better than a lie}.|<^H> was glad that <H.he> had been honest.|}",
    [LESSON_PATIENT] = "{<^H> learned that {good things take time|it is good to be patient|slow and steady is a good "
        "way to go}.|After that, <H> was much more patient.|}",
    [LESSON_TRY] = "{<^H> learned that {you must not give up|you can do hard things if you keep trying|nobody is good "
        "at everything at first}.|If you try and try again, you can learn almost anything.|}",
    [LESSON_TEAM] = "{<^H> learned that {together we can do more than alone|it is good to ask for help|many hands "
        "make light work}.|After that day, <H> was never too proud to ask for help.|}",
    [LESSON_LISTEN] = "{<^H> learned {to listen to good advice|to be more careful}.|After that, <H> was much more "
        "careful.|}",
    [LESSON_CONTENT] = "{<^H> learned that {it is good to be happy with what you have|home is the best place|the best "
        "things cannot be bought}.|<^H> had all that <H.he> needed.|}",
    [LESSON_CLEVER] = "{<^H> had learned that {a good idea is better than strong arms|it helps to stay calm and think|"
        "even the small can win if they are clever}.|}",
    [LESSON_SELF] = "{<^H> learned that {it is good to be different|everyone is special in their own way|you should "
        "always be yourself}.|<^H> was proud to be just as <H.he> was.|}",
    [LESSON_FUN] = "{<^H> learned that {it is fun to do things together|even a bad day can turn into a good one|"
        "laughing together is the best thing of all}.|}",
    [LESSON_FORGIVE] = "{<^H> learned that {friends are more important than toys|it is good to say sorry|it is better "
        "to share than to fight}.|They had one more fight that year, but it only lasted a minute.|}",
    [LESSON_GREED] = "{<^H> learned that {too much of a good thing is not good|it is better to share than to take it "
        "all|it is not good to be greedy}.|}",
    [LESSON_WORK] = "{<^H> learned that {first comes the work and then the fun|a little work every day makes life "
        "easier|it is good to be ready}.|}",
    [LESSON_CARE] = "{<^H> learned that {the best gift is to care for others|helping somebody else can make you brave|"
        "little things can make others very happy}.|It feels good to take care of others.|}",
};

const char *const story_mention_food =
    "{In <H.his> bag, <H> always carried <Y.a>{ for hard days|, just in case|}.|That day, <H> had <Y.a> for lunch.|"
        "<^H.his> favorite food was <Y.a>{, and <H.he> ate it every day|}.|That morning, <H> had made <Y.a>.|<^H> had "
        "saved <Y.a> for a special day.}";
const char *const story_mention_thing =
    "{<^H> had <Y.a>, and <H.he> {took it everywhere|loved it very much|was proud of it}.|<^H> always carried <Y.a> "
        "with <H.him>.|<^H.his> favorite thing was <Y.a>.|For <H.his> birthday, <H> had got <Y.a>.|One of <H.his> "
        "treasures was <Y.a>.}";
const char *const story_mention_food_end =
    "{Then they shared the <Y.r>.|And the <Y.r>? They ate it all together.|Then <H> took out the <Y>, and everyone "
        "had a bite.|To celebrate, they had the <Y.r>.}";
const char *const story_mention_thing_end =
    "{And the <Y.r>? <^H> kept it for many years.|On the way home, <H> held the <Y> close.|<^H> let the others have a "
        "turn with the <Y.r>.|That night, the <Y.r> lay next to <H.his> bed.}";
