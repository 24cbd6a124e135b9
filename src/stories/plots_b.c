/* Plots, second part: fears, friends and adventures. */
#include "base/checked.h"
#include "stories/plots.h"
#include "stories/words.h"

#define ANYONE (IS_ANIMAL | IS_CHILD | IS_GROWN | IS_MAGIC | IS_THING)
#define FAMILY (IS_ANIMAL | IS_CHILD)

const struct plot story_plots_b[] = {
    {"being afraid of the dark|the dark|courage|bedtime|sleep", LESSON_BRAVE, FAMILY, 0, 0, false, true, OTHER_NONE, {
        "{There was only one thing that <H> did not like, and that was the dark.|But when night came, <H> was " SCARED
            " of the dark.}",
        "\n{One night|One dark night|Late one evening}, <H> could not sleep. {It was so dark that <H.he> could not "
            "see anything.|Strange shadows moved around <H.him>.} {Then there was a sound. Tap, tap, tap.|" SUDDEN ", "
            "<H.he> heard a scratching sound.|Something went \"Whoo!\" outside.} {<^H.his> heart began to beat fast.|"
            "<^H> held <H.his> breath.} \"{Help!|Who is there?}\" <H.he> {cried|whispered}.",
        "{<^P> came at once.|<^P> heard <H.him> and came.} \"{What is the matter, my dear?|Why are you awake?}\" "
            "<P.he> asked. \"{There is a monster|Something is out there|The dark wants to get me},\" said <H>. {<^P> "
            "took <H.him> close. \"Let us look together,\" <P.he> said.|\"Come, we will see what it is,\" said <P>.}",
        "\n{They went slowly, step by step.|Together they went to see.} {It was only a branch that moved in the wind.|"
            "It was only a little moth that wanted to come in.|And what was it? It was a tiny mouse with a nut!|It "
            "was only an old owl that said good night.} {<^H> had to laugh.|\"Is that all?\" said <H>.} Then <P> "
            "pointed up. \"{Look at the stars|See how bright the stars are},\" <P.he> said. \"{You can only see them "
            "when it is dark|Without the dark, there would be no stars}.\"",
        "\n{<^H> looked up for a long time.|<^H> had never seen so many lights.} \"The dark is {not so bad|"
            "beautiful},\" <H.he> said{ in a sleepy voice|}. {Soon <H.his> eyes closed, and <H.he> slept until "
            "morning.|<^P> sang a soft song, and <H> fell asleep.|After that night, <H> liked to look at the stars "
            "before going to sleep.}",
        0}},
    {"thunder|a storm|courage", LESSON_CARE, ANYONE, IS_WATER, 0, true, false, OTHER_NONE, {
        "\n{One day|One afternoon|One evening|One hot day}, dark clouds came. {The wind blew hard, and the rain began "
            "to fall.|First there was wind, and then there was rain.} Boom! {Thunder rolled over the land.|Lightning "
            "flashed, and thunder shook the sky.} {<^H> was " SCARED " and ran to hide.|<^H> looked for a dry place.|"
            "<^H> ran home as fast as <H.he> could.}",
        "{On the way, <H.he> heard somebody crying. It was <F.a>.|There was already somebody there. It was <F.a>.|"
            "Under a bush sat <F.a>, wet and cold.} \"{I am so afraid|I am lost, and I am cold},\" {sobbed|said} <F>. "
            "{<^H> was afraid too, but <H.he> wanted to help.|<^H> forgot that <H.he> was afraid.}",
        "\n\"Come with me. {I know a dry place|You are not alone now},\" said <H>. {They sat close together and kept "
            "each other warm.|They found a safe, dry place and sat down.} {\"Let us count after each flash,\" said "
            "<H>. \"One, two, three, four,\" they counted. Boom! \"It is going away!\" said <F>.|\"Let us sing until "
            "it is over,\" said <H>. So they sang every song they knew, and the thunder was not so loud any more.|"
            "\"Do you know a funny story?\" asked <H>. They told each other funny stories, and soon they laughed more "
            "than they trembled.}",
        "\n{" SOON ", the storm was over.|Then the rain stopped, and the sun came out.} {A rainbow stood in the sky.|"
            "Every leaf was shining.} {\"You were so brave,\" said <F>. \"I was afraid too,\" said <H>. \"But "
            "together it was not so bad.\"|\"" THANKS ",\" said <F>. \"With you, I was not afraid.\"} {They jumped "
            "into every puddle on the way home.|And <H> took <F> safely home.}",
        0}},
    {"making a new friend|friendship|being lonely|being shy", LESSON_FRIEND, ANYONE, 0, 0, true, false, OTHER_NONE, {
        "{But <H> was lonely. <^H.he> had nobody to play with.|<^H> had no friends yet, and sometimes that made "
            "<H.him> sad.|Every day was the same, and <H> played alone.} {\"I wish I had a friend,\" <H.he> often "
            "said.|<^H.he> was too shy to talk to others.}",
        "\n" DAY ", <H> saw <F.a> {<L.in>|nearby}. {<^F> was new there and did not know anyone.|<^F> was playing all "
            "alone.|<^F> looked at the ground and did not say a word.} {<^H> wanted to say hello, but the words did "
            "not come out.|\"What if <F.he> does not like me?\" thought <H>.|<^H> hid and watched for a while.}",
        "{Then <H> took a deep breath and went closer.|" LAST ", <H> was brave.|<^H> counted to three and went over.} "
            "\"{Hello|Hi there|Good day}!\" <H.he> said. \"{Do you want to play with me|Would you like to play|Shall "
            "we play together|I am new here too. Can we be friends}?\" {<^F> looked up and smiled. \"I was hoping "
            "that somebody would talk to me,\" <F.he> said.|\"I would love to,\" said <F>. \"I have been so lonely.\"|"
            "<^F>'s eyes lit up. \"Yes, please!\" <F.he> said.}",
        "\n{They played hide and seek. <^F> was very good at hiding.|They ran races, told jokes and looked at "
            "<L.see>.|<^H> showed <F> all the secret places.|<^F> knew a new game, and they played it all afternoon.} "
            "{They found out that they both liked <H.food>.|They laughed so much that their tummies hurt.|They liked "
            "the same things, and they also taught each other new ones.}",
        "\n{" EVENING ", <F> asked, \"Will you come again tomorrow?\" \"Of course,\" said <H>.|When it was time to "
            "go, <H> said, \"See you tomorrow!\"} {<^H> went home with a big smile.|That night, <H> was not lonely "
            "any more.|From that day on, you never saw one without the other.} {It only took one little word, hello.|}",
        0}},
    {"helping|kindness|being stuck", LESSON_KIND, ANYONE, IS_WATER | IS_FIERCE, 0, false, false, OTHER_FIERCE, {
        "\n" DAY ", <H> heard a loud cry. \"{Help! Help!|Ow! Somebody help me!}\" {<^H.he> followed the sound.|"
            "<^H.he> " LOOKED " everywhere.} {There, in a deep hole, sat <O.a>.|It was <O.a>! <^O.his> foot was stuck "
            "between two heavy stones.|It was <O.a>, and <O.he> had a big thorn in <O.his> foot.}",
        "{<^H> was " SCARED ", because <O> was so much bigger.|<^H> took a step back. \"What if it is a trick?\" "
            "<H.he> thought.|Everybody was afraid of <O>.} \"Please do not go away,\" said <O> {softly|in a sad "
            "voice}. \"{Nobody wants to help me|Everyone is afraid of me}.\" {<^H> looked into <O.his> eyes and saw "
            "tears.|<^H> thought for a moment.}",
        "\n\"{I will help you|Do not worry. I am here},\" said <H>. {<^H.he> worked and worked. <^H.he> pulled with "
            "all <H.his> might.|It was hard work, but <H> did not give up.|\"This may hurt a little,\" <H.he> said, "
            "and <H.he> pulled. One, two, three!} {Pop! <^O> was free.|" LAST
            ", <O> was free.} {\"You are small, but you have a big heart,\" said <O>.|\"" THANKS
            ",\" said <O>. \"I will never forget this.\"}",
        "\n{Some days later, <H> was in trouble. <^H.he> had fallen into the cold river.|Not long after, <H> got lost "
            "in a dark place far from home.|Then winter came, and <H> could not find anything to eat.} {\"Help!\" "
            "<H.he> cried. And who came? It was <O>!|" SUDDEN ", a big shadow came near. It was <O>!} \"{Now it is my "
            "turn|You helped me, and now I help you},\" said <O>, and <O.he> {carried <H> home|brought <H> to a safe, "
            "warm place}. {After that, they were friends for life.|Nobody was afraid of <O> any more.}",
        0}},
    {"a race|being proud|running", LESSON_PATIENT, ANYONE, IS_SLOW, 0, true, false, OTHER_NONE, {
        "{<^H> was fast, and <H.he> knew it.|Nobody was as fast as <H>. At least, that was what <H.he> said.} \"{I am "
            "the fastest of all|Nobody can win against me},\" <H.he> told everyone. {The others were tired of hearing "
            "it.|Nobody liked to listen to that.}",
        "\n" DAY ", <F.a> said, \"{Let us have a race|I will race you}.\" {<^H> laughed out loud. \"You? You will "
            "never win!\" <H.he> said.|\"You are much too slow,\" said <H>, and <H.he> laughed.} {But <F> only "
            "smiled. \"We will see,\" <F.he> said.|\"Let us try,\" <F> said calmly.} {All the friends came to watch.|"
            "They would race <L.to>.} \"One, two, three, go!\"",
        "\n<^H> {was off like the wind|was far ahead in no time}. {<^H.he> looked back. <^F> was only a small dot.|"
            "Soon <F> was out of sight.} \"{I have so much time|This is too easy}. {I can take a nap|I will have a "
            "snack first|I can play a little},\" <H.he> said. {So <H.he> lay down and closed <H.his> eyes.|So <H.he> "
            "stopped to look at <L.see>.|<^H.he> stopped to talk to everyone about <H.self>.}",
        "<^F> {did not stop|went on and on}, {step by step|slowly, but without a rest}. {When <H> looked up again, "
            "<F> was almost there!|" SUDDEN ", <H> heard cheering.} {<^H> went as fast as <H.he> could, but it was "
            "too late.|<^H> hurried, but it was no use.} <^F> {won the race|was the winner}!",
        "\n{<^H> was red with shame.|<^H> hung <H.his> head.} \"{I should not have laughed at you|I am sorry that I "
            "was so proud},\" <H.he> said. {\"You are very fast,\" said <F>. \"But you must not stop before the "
            "end.\"|<^F> was not angry. \"Shall we be friends?\" <F.he> asked.|\"Everybody can learn,\" said <F> "
            "kindly.} {And <H> never laughed at anyone again.|After that, they went for walks together, not too fast "
            "and not too slow.}",
        0}},
    {"getting lost|being lost|finding the way home", LESSON_LISTEN, FAMILY | IS_THING, 0, 0, true, false, OTHER_NONE, {
        "\n" DAY ", <H> {saw a beautiful butterfly and followed it|wanted to see what was far away|went farther than "
            "ever before}. {<^H.he> went on and on, and <H.he> did not look back.|<^H.he> saw <L.see>, and <H.he> was "
            "so curious that <H.he> forgot the time.} When <H.he> stopped, {everything looked strange|<H.he> did not "
            "know where <H.he> was}. {\"Where am I?\" <H.he> said.|\"Oh no, I am lost!\" cried <H>.}",
        "{It was getting dark.|The sun was going down.|The shadows grew long.} <^H> {sat down and cried|was " SCARED
            "|called, but nobody answered}. {" SUDDEN ", a friendly voice said, \"Who is crying here?\" It was <F.a>.|"
            "Then <F.a> came by. \"Are you lost?\" <F> asked.}",
        "\n\"{I want to go home, but I do not know the way|I cannot find my way home},\" said <H>. {\"What can you "
            "remember?\" asked <F>. \"What is near your home?\"|\"Do not cry. We will find it,\" said <F>. \"Tell me "
            "what you saw on the way.\"} {<^H> thought hard. \"There was a tall tree with a broken branch,\" <H.he> "
            "said.|\"There was a big round stone,\" said <H>.|\"I remember the sound of water,\" said <H>.} \"I know "
            "{that place|where that is}!\" said <F>. [\"I have been there many times.\"] \"{Follow me|Come, stay "
            "close to me}.\"",
        "\n{They went through the dark side by side.|<^F> went first, and <H> stayed close behind.} {<^F> hummed a "
            "song so that <H> would not be afraid.|The moon showed them the way.} " LAST ", {<H> saw <H.his> home|<H> "
            "saw a light that <H.he> knew well}. {Everyone had been so worried! They hugged <H> for a long time.|"
            "\"There you are!\" everyone cried.} {<^F> stayed for dinner, and they had <H.food>.|\"" THANKS
            ", <F.v>,\" said <H>. \"Come and see me soon!\"|<^H> promised to never go so far alone again.}",
        0}},
    {"learning something new|trying again|never giving up", LESSON_TRY, ANYONE, IS_WATER, 0, true, false, OTHER_NONE, {
        "{<^H> had a dream. <^H.he> wanted to learn to {skate|whistle|play the drum|do a somersault|balance on a log|"
            "dance}.|There was one thing that <H> could not do. <^H.he> could not {whistle|dance|skate|count to ten|"
            "balance on a log|catch a ball}.} {All the others could do it.|\"It looks so easy,\" <H.he> said.}",
        "\n" DAY ", <H> tried. {But it did not work.|<^H.he> tried once, and <H.he> fell down. <^H.he> tried again, "
            "and <H.he> fell again.|It went wrong.} {Somebody laughed, and <H> felt " SAD
            ".|\"I will never learn it!\" <H.he> cried.|\"It is too hard. I give up,\" <H.he> said.}",
        "{<^F.a> had seen everything.|Then <F.a> came and sat down next to <H.him>.} \"{When I was little, I could "
            "not do it either,|Nobody can do everything at once,|Do you know how many times I fell?}\" said <F>. \"{I "
            "tried a hundred times|I practiced a little every day|You cannot do it yet. But you will}.\" {<^H> dried "
            "<H.his> tears.|<^H> looked up. \"Really?\" <H.he> asked. \"Really,\" said <F>.} \"{I will show you|Let "
            "us try together}.\"",
        "\n{So they practiced every day, in the sun and in the rain.|Day after day, they practiced.} {The first day "
            "it was bad. The second day it was a little better.|Each day it went a little better.} {Then, one "
            "morning, it worked!|" LAST ", after many days, <H> did it!} \"{I can do it|Look, look, I did it}!\" "
            "{shouted|cried} <H>. {<^F> cheered.|Everyone came to see and clapped.}",
        "\n{<^H> was so proud.|<^H> smiled from ear to ear.} {A week later, <H> saw a little one who was crying. \"I "
            "cannot do it,\" said the little one. <^H> sat down. \"You cannot do it yet,\" <H.he> said. \"Let us try "
            "together.\"|\"" THANKS ",\" <H.he> said to <F>. \"You did not let me give up.\"|\"What do you want to "
            "learn next?\" asked <F>. <^H> already had an idea.}",
        0}},
    {"a birthday|a surprise|a party", LESSON_FRIEND, ANYONE, 0, 0, true, false, OTHER_ANY, {
        "\n{It was <H>'s birthday.|It was a special day. It was the birthday of <H>.} <^H> {woke up early|jumped out "
            "of bed|could not wait to see <H.his> friends}. \"{Today everyone will sing for me|What a great day},\" "
            "<H.he> thought. {First <H.he> met <F.a>.|First <H> went to see <F.a>.} \"{Hello|Good morning}, {<F.v>|"
            "dear friend}! {Do you know what day it is|Is today a special day}?\" asked <H>. \"{I have no time now|"
            "No, I do not know},\" said <F>, and <F.he> hurried away.",
        "{Then <H.he> met <O.a>.|Next, <H.he> saw <O.a>.} \"Do you know what day it is?\" asked <H>. \"{It is a day "
            "like any other|I must go},\" said <O>, and <O.he> was gone too. {<^H> was " SAD ".|<^H>'s smile went "
            "away.} \"{Everybody has forgotten my birthday|Nobody thinks of me},\" <H.he> said. {A tear rolled down "
            "<H.his> face.|<^H.he> went home slowly.}",
        "\nBut when <H.he> came home, {it was dark and quiet|everything was quiet}. {<^H.he> opened the door.|<^H.he> "
            "went inside.} \"Surprise!\" {All <H.his> friends were there!|Everyone jumped out!} There was a big cake "
            "with candles{, and there were balloons in every color| and a table full of good things}. \"{Did you "
            "think that we forgot you?|We had to keep it secret!}\" {said|laughed} <F>.",
        "\n<^H> {laughed and cried at the same time|did not know what to say}. {They sang and danced.|They all sang "
            "for <H.him>.} {<^O> had made a crown of leaves, and <F> had painted a picture.|Then <H> closed <H.his> "
            "eyes and made a wish.|Everyone got a big piece of cake.} {\"I already have what I wish for,\" said <H>. "
            "\"I have you.\"|\"This is the best birthday of my life,\" said <H>.|It was a party to remember.}",
        0}},
    {"being clever|a trick|a big hungry animal|danger", LESSON_CLEVER, ANYONE, IS_FIERCE | IS_WATER | IS_THING, 0,
        false, false, OTHER_FIERCE, {
        "\n" DAY ", while <H> was {looking for <H.food>|on the way home|playing}, <O.a> jumped out{ from behind a "
            "bush| of the shadows|}. \"{I am so hungry|I have not eaten all day}. {You will be my dinner|I am going "
            "to eat you up}!\" said <O>. {<^H> was " SCARED ", but <H.he> did not show it.|<^H.his> knees were "
            "shaking. \"Think fast,\" <H.he> told <H.self>.}",
        "{\"Oh, I am much too small and thin,\" said <H>. \"But I know where there is a lot of food.\"|\"You can eat "
            "me,\" said <H>. \"But first, you must see the other one. He said that he is stronger than you.\"|"
            "\"Before you eat me,\" said <H>, \"can I sing you one last song?\"|\"I taste much better with honey,\" "
            "said <H>. \"And I know where the honey is.\"}",
        "{<^O> was proud and a little silly.|<^O> scratched <O.his> head.} \"{Show me|Very well},\" <O.he> said. {So "
            "<H> led <O> to a deep pond and pointed at the water. \"There, look!\" <^O> saw a face that looked back "
            "and showed its teeth. With a big roar, <O.he> jumped in. Splash!|<^H> took <O> to an old hollow tree. "
            "\"Put your head inside,\" <H.he> said. <^O> did so, and got stuck.|<^H> began, softly and slowly, and it "
            "was so sweet that <O>'s eyes closed. Soon <O.he> was snoring.}",
        "\n{<^H> <H.went> home as fast as <H.he> could.|And <H>? <^H.he> was already far away.} {The others could not "
            "believe it. \"You are small, but you are so clever!\" they said.|<^H.he> told everyone the story, and "
            "they laughed until they cried.} {And <O>? <^O.he> was so ashamed that <O.he> never came back.|After "
            "that, <O> ate only grass and roots. That is what people say.|From that day on, <O> left everyone in "
            "peace.}",
        0}},
    {"being sick|caring|soup|a visit", LESSON_CARE, ANYONE, IS_THING | IS_WATER, 0, true, false, OTHER_ANY, {
        "{Every morning, <H> met <H.his> friend. It was <F.a>.|<^H.his> best friend was <F.a>.}",
        "\nBut {one day|one cold day|one morning}, <F> did not come. {<^H> waited and waited.|\"Where is <F>?\" <H> "
            "asked everyone.} {So <H> went to <F>'s home and knocked at the door.|\"Something must be wrong,\" "
            "thought <H>, and <H.he> went to look.} {A weak voice said, \"Come in.\"|Inside, it was quiet.} <^F> {lay "
            "in bed with a red nose|was under a thick blanket}. \"{Achoo!|Cough, cough.} I am sick,\" said <F>.",
        "\n\"{Stay in bed. I will take care of you|Do not worry. I will help you get well},\" said <H>. {<^H.he> made "
            "a fire and cooked warm soup.|<^H.he> made hot tea with honey and lemon.|<^H.he> brought soup, a warm "
            "scarf and a funny book.} On the way, <H> met <O.a> and told <O.him> {about it|what was wrong}. {\"I want "
            "to help too,\" said <O>, and <O.he> brought flowers.|<^O> came with sweet berries.|So <O> came too, and "
            "sang a little song by the window.}",
        "{They told stories and played quiet games.|<^H> read a story until <F> fell asleep.|They did not stay too "
            "long, because <F> had to sleep.} {The next day, <H> came again, and the day after that.|Every day, <H> "
            "came back.}",
        "\n{After some days, <F> was well again.|" SOON ", <F> could run and jump again.} \"{You are the best "
            "medicine|I got well because you were with me},\" <F.he> said. {They both laughed and went out to play in "
            "the sun.|Some weeks later, <H> had a cold. And guess who came with hot soup? It was <F>!|<^H> was " HAPPY
            " to have <H.his> friend back.}",
        0}},
    {"the moon|catching the moon|wonder|the night|bedtime", LESSON_CONTENT, FAMILY | IS_MAGIC, IS_WATER, 0, true, false,
        OTHER_NONE, {
        "\nOne night, <H> looked up. {The moon was big and round.|The full moon hung over the trees.} \"{I want to "
            "hold it in my arms|I want to take it home|How pretty it is! I will catch it},\" said <H>. {So <H.he> "
            "climbed up a high hill. But even there, it was too far away.|<^H.he> stood on a big rock and reached up. "
            "But it was too high.|<^H.he> jumped and jumped, but the moon was too high.}",
        "<^F.a> was awake too. \"{What are you doing|Why are you jumping about so late}?\" asked <F>. \"{I want to "
            "catch the moon|I want the moon},\" said <H>. \"{Maybe we can get a long ladder|Let us try it together|I "
            "will help you},\" said <F>. {They put a ladder on the hill, and <H> went up, step by step.|They threw a "
            "long rope, and it fell down again.|<^H> stood on <F>'s back.} But the moon {only smiled|did not come any "
            "closer|stayed where it was}.",
        "\nThen they came to a pond. \"{Look, the moon fell into the water|There it is}!\" cried <H>. {<^H.he> put in "
            "<H.his> hands to take it.|<^H.he> tried to scoop it up.} The moon broke into a hundred pieces. {\"Oh no, "
            "I broke it!\" said <H>.|<^H> was " SAD ".} {But soon the water was still, and the moon was whole again.|"
            "\"Just wait,\" said <F>. And when the water was still, the moon was there again.}",
        "\n\"{The moon is for everybody|If you had the moon at home, nobody else could see it},\" said <F>. {<^H> "
            "thought about it.|<^H> nodded slowly.} \"{Then it can stay up there|That is true}. {We can look at it "
            "every night|And it is ours too, a little bit},\" said <H>. {They sat side by side and looked up until "
            "they were sleepy.|They said good night to the moon and went home.|And the moon shone softly on both of "
            "them.}",
        0}},
    {"a noise|a mystery|being curious|courage", LESSON_BRAVE, ANYONE, IS_WATER, 0, true, false, OTHER_SMALL, {
        "\n" DAY ", <H> heard a strange noise. {Bump, bump, bump!|Scratch, scratch, scratch!|\"Oooh, oooh!\"|Rattle, "
            "rattle!} {It came from <L.hide>.|It came from behind a wall.|It came from a dark corner.} \"What is "
            "that?\" said <H>. {<^H.he> ran to get <H.his> friend,|<^H.he> went to ask} <F.a>.",
        "{\"Maybe it is a dragon,\" said <F>.|\"Maybe it is a ghost,\" whispered <F>.|\"It must be something very big "
            "with sharp teeth,\" said <F>.} {They were both " SCARED ".|They looked at each other.} {But they wanted "
            "to know what it was.|\"We must find out,\" said <H>. \"You go first,\" said <F>.} {They took a lamp and "
            "went closer, one little step after the other.|They held on to each other and went closer, very quietly.}",
        "\n{There it was again!|The noise grew louder.} {<^H> closed <H.his> eyes, then opened one of them.|\"One, "
            "two, three!\" said <H>.|<^H> took a deep breath and looked.} And what did they see? {It was not a "
            "monster at all.|It was nothing big at all.} It was <O.a>! {<^O.his> head was stuck in an old pot.|<^O> "
            "was trying to open a box of food.|<^O> was alone and wanted somebody to play with.|<^O> was trying to "
            "build a new home.}",
        "\n{<^H> and <F> laughed and laughed.|\"It is only you!\" said <H>.} \"{I did not want to scare you|I am "
            "sorry about the noise},\" said <O>. {They helped <O>, and then all three had <H.food> together.|Then "
            "they all played together.|They helped <O.him>, and soon everything was quiet.} \"{It was good that we "
            "looked|Next time, we will not be so afraid},\" said {<H>|<F>}. {And they slept very well that night.|}",
        0}},
};
const size_t story_n_plots_b = ARRAY_LEN(story_plots_b);
