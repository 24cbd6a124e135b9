/* Plots, first part: things lost, found, shared, broken and given. */
#include "base/checked.h"
#include "stories/plots.h"
#include "stories/words.h"

#define ANYONE (IS_ANIMAL | IS_CHILD | IS_GROWN | IS_MAGIC | IS_THING)
#define FAMILY (IS_ANIMAL | IS_CHILD)

const struct plot story_plots_a[] = {
    {"losing something|a lost thing|friendship", LESSON_FRIEND, ANYONE, 0, OBJ_PORTABLE, true, false, OTHER_NONE, {
        "{<^H> had <X.a>, and <H.he> {loved it very much|took it everywhere|kept it safe day and night}.|<^H.his> "
            "favorite thing in the world was <X.a>.|<^H> had <X.a> that was a gift from a dear friend.}",
        "\n" DAY ", {<H> could not find <H.his> <X>|the <X> was gone|<H> woke up and saw that the <X> was gone}. "
            "{<^H.he> looked here and there, but it was nowhere.|<^H.he> " LOOKED
            " high and low.|\"Where is my <X.r>?\" <H.he> cried.} <^H> was " SAD ".",
        "{" SOON ", <F.a> came by.|" SUDDEN ", <H> heard a voice. It was <F.a>.|<^F.a> saw that <H> was sad.} {\"What "
            "is wrong?\" asked <F>.|\"Why are you so sad?\" said <F>.|\"Can I help you?\" said <F>.}",
        "{\"I lost my <X.r>,\" said <H>.|\"My <X> is gone,\" said <H>. \"It was my favorite thing.\"|\"I cannot find "
            "my <X>,\" <H> said in a small voice.} {\"Do not worry. We will look together,\" said <F>.|\"Two can look "
            "better than one,\" said <F>.|\"Let us think. Where did you play with it last?\" said <F>.}",
        "\n{They went <L.to>|Together they went <L.to>|So the two of them went <L.to>}. They passed <L.see>{ and "
            "looked everywhere|, but they did not stop|}. {They looked <L.hide>, but there was nothing|First they "
            "found only some old leaves}. {\"Let us not give up,\" said <F>.|<^H> wanted to give up, but <F> did not.|"
            "\"One more place,\" said <F>.}",
        "{Then they looked <L.hide>.|Then <F> pointed to a spot <L.hide>.|" LAST
            ", <F> called, \"Come here, quick!\"} {There was the <X.r>!|And there it was, the <X.r>!}",
        "\n{<^H> was " HAPPY ".|<^H> jumped with joy.|<^H> gave <F> a big hug.} \"" THANKS ", <F.v>!\" <H.he> said. "
            "{\"That is what friends are for,\" said <F>.|\"I am glad we found it,\" said <F>.|<^F> only smiled.} "
            "{From then on, they played with the <X> together.|Then they went home side by side.|After that, the two "
            "were the best of friends.}",
        0}},
    {"finding something|honesty|telling the truth", LESSON_HONEST, ANYONE, 0, OBJ_PORTABLE, true, false, OTHER_NONE, {
        "\n" DAY ", <H> <H.went> <L.to>. {<^H.he> saw something <L.hide>.|Something <L.hide> caught <H.his> eye.|"
            "<^H.he> stopped, because something lay <L.hide>.} It was <X.a>! {\"What a " LOVELY
            " <X>!\" said <H>.|\"I wonder who lost this,\" said <H>.|<^H> picked it up with great care.}",
        "{<^H> wanted to keep it. It was so " LOVELY ".|At first, <H> thought, \"Now it is mine!\"|<^H> {turned it "
            "over and over|looked at it for a long time}.} {But then <H.he> thought, \"Somebody must be looking for "
            "it.\"|But a small voice inside <H.him> said, \"It is not yours.\"|But <H.he> knew that it belonged to "
            "somebody else.}",
        "\n{<^H> asked everyone <H.he> met. \"Is this your <X>?\" But nobody knew it.|So <H> went from one to the "
            "next and asked, \"Did you lose <X.a>?\"|So <H> set off to find the owner.} " SOON
            ", <H.he> met <F.a>. <^F> was {crying|" SAD "|looking for something}.",
        "{\"What is the matter?\" asked <H>. \"I lost my <X>, and I cannot find it,\" said <F>.|\"Did you lose "
            "something?\" asked <H>. \"Yes,\" said <F>. \"My <X.r> is gone.\"} {<^H> held out the <X>. \"Is this "
            "it?\"|\"Then I have good news,\" said <H>, and <H.he> showed <F.him> the <X>.|<^H> smiled and gave it "
            "back at once.}",
        "\n{<^F.his> eyes grew wide.|<^F> could not believe it.|<^F> {danced|jumped} for joy.} \"" THANKS "! {You "
            "could have kept it, but you did not.|You are so honest.|My grandmother gave it to me.}\" {<^H> felt warm "
            "inside.|<^H> felt better than if <H.he> had kept it.|<^H> was proud of <H.self>.}",
        "{<^F> asked <H> to stay and play.|<^F> gave <H> a big hug.|To say thank you, <F> shared <F.his> food with "
            "<H>.} {They became good friends.|From that day, they met every day.|And so <H> did not have <X.a>, but "
            "<H.he> had a new friend.}",
        0}},
    {"sharing|food|being hungry", LESSON_SHARE, ANYONE, IS_THING, OBJ_FOOD, true, false, OTHER_NONE, {
        "\n" DAY ", <H> {found|got|had} <X.a>. {It smelled so good!|It looked very tasty.|It was the best <X> in the "
            "world, <H.he> thought.} {<^H> sat down to eat it.|\"I will eat it all by myself,\" thought <H>.|<^H> "
            "could not wait to eat it.}",
        "{" SUDDEN ", <F.a> came along.|Then <F.a> came near.|Not far away sat <F.a>.} <^F> {looked hungry|had not "
            "eaten all day|looked at the <X> with big eyes}. {\"That looks good,\" said <F> softly.|\"May I have a "
            "little bit?\" asked <F>.|<^F> did not say a word, but <F.his> tummy made a loud noise.}",
        "\n{<^H> held the <X> close. \"No, it is mine,\" <H.he> said.|<^H> did not want to share.|<^H> looked at the "
            "<X>. There was not very much of it.} {<^F> looked down and turned away.|A tear rolled down the face of "
            "<F>.|<^F> nodded and started to go.} {<^H> felt bad.|Now the <X> did not look so good any more.|Then <H> "
            "thought of the times when <H.he> was hungry.}",
        "\"{Wait!|Wait, please!|Come back!}\" {called|cried} <H>. \"{We can share it.|There is enough for two.|Let us "
            "eat it together.|You can have half.}\" {<^F> could hardly believe it.|<^F>'s face lit up.|<^F> came back "
            "with a shy smile.}",
        "\n{They sat down in a sunny spot and ate.|They sat side by side and ate the <X>.|<^H> gave one half to <F> "
            "and kept one half.} {It tasted even better than before.|Nothing had ever tasted so good.|They ate until "
            "the very last bit was gone.} {\"" THANKS ",\" said <F>. \"You are very kind.\"|\"You are a good "
            "friend,\" said <F>.}",
        "{The next day, <F> came back with <F.his> arms full of food. \"Today I share with you,\" <F.he> said.|Then "
            "they played until it was dark.|They talked and laughed until evening.|From then on, they shared "
            "everything.}",
        0}},
    {"fighting|a quarrel|making up|forgiving|sharing toys", LESSON_FORGIVE, ANYONE, 0, OBJ_TOY, true, false, OTHER_NONE,
        {
        "{<^H.his> best friend was <F.a>.|<^H> had a good friend. It was <F.a>.|Every day, <H> played with <F.a>.} "
            "{They did everything together.|They never had a fight.|They liked the same games.}",
        "\n" DAY ", they found <X.a>. \"I saw it first!\" said <H>. \"No, I saw it first!\" said <F>. {They pulled "
            "and pulled.|Each of them pulled at the <X>.|They both shouted, and nobody listened.} {Then the <X> fell "
            "into the mud.|Then both of them fell down.|\"I will never play with you again!\" cried <F>.}",
        "{<^H> went home, angry and alone.|<^H> turned around and went away.|They went home without a word.} {But it "
            "was boring to play alone.|<^H> did not feel like playing any more.|The day felt very long.} {\"I miss "
            "<F>,\" thought <H>.|\"The <X> is not so important,\" thought <H>.|\"I was not nice,\" thought <H>.}",
        "\nThe next {morning|day}, <H> went to see <F>. {At the same time, <F> came to see <H>. They met halfway.|"
            "<^F> was sitting all alone, with a sad face.|<^H.his> heart beat fast.} \"I am sorry,\" said <H>. \"{I "
            "did not want to hurt you.|I should have shared.|You are more important than any <X>.}\" {\"I am sorry "
            "too,\" said <F>.|\"And I am sorry that I shouted,\" said <F>.}",
        "{They had a good idea.|Then they made a plan.|\"Let us take turns,\" said <F>.} {In the morning, <H> would "
            "have the <X>, and in the afternoon <F> would have it.|They played with the <X> together, first one and "
            "then the other.|One day it was for <H>, and the next day for <F>.} {It was much more fun that way.|That "
            "was the best game of all.|And nobody was angry any more.}",
        0}},
    {"breaking something|telling the truth|honesty", LESSON_HONEST, FAMILY, IS_WATER, OBJ_THING, false, true,
        OTHER_NONE, {
        "\n" DAY ", <H> was playing {at home|inside}. {On the table lay <X.a> that belonged to <P>.|<^P> had <X.a> "
            "that <P.he> loved very much.} {\"Please be careful with it,\" <P> always said.|<^H> was not allowed to "
            "touch it.}",
        "{<^H> jumped too high, and crash! The <X> fell to the floor.|<^H> turned around too fast and hit the table. "
            "Crash!|<^H> only wanted to look at it, but it slipped and fell.} {It was broken.|Now the <X> was broken.}",
        "\n{\"Oh no!\" whispered <H>. <^H.his> heart beat fast.|<^H> was " SCARED ". \"What will happen now?\" <H.he> "
            "thought.} {<^H.he> hid the pieces {under the bed|behind a box|under a blanket}.|<^H.he> thought about "
            "running away.|First <H.he> wanted to say that the wind did it.} {But <H.his> tummy felt funny, and "
            "<H.he> could not play.|But the secret felt heavy, like a stone.|But <H.he> could not think of anything "
            "else.}",
        "{When <P> came home, <H> took a deep breath.|" LAST ", <H> went to <P>.} \"I {broke your <X>|have to tell "
            "you something. I broke your <X>}. I am very sorry,\" <H.he> said{, and <H.he> began to cry|}.",
        "\n{<^P> was quiet for a moment.|<^P> looked at the broken <X>, and then at <H>.} {\"I am a little sad about "
            "my <X>,\" <P.he> said. \"But I am proud that you told me the truth.\"|\"Thank you for telling me,\" "
            "<P.he> said. \"~ <X> can be fixed. The truth is worth much more.\"|Then <P.he> gave <H> a hug. \"It was "
            "brave of you to tell me,\" <P.he> said.}",
        "{Together they fixed it with glue.|They picked up the pieces and fixed the <X> together.|That afternoon, "
            "they mended it together.} {<^H> felt light again.|It did not look new, but <H> felt much better.|You "
            "could still see the cracks, but nobody minded.}",
        0}},
    {"a gift|love|a birthday|mother", LESSON_CARE, FAMILY, 0, OBJ_NATURE | OBJ_FOOD, true, true, OTHER_NONE, {
        "\n{It was almost the birthday of <P>.|The next day was the birthday of <P>.|<^P> worked hard every day and "
            "looked tired.} {<^H> wanted to give <P.him> something special.|<^H> wanted to make <P.him> happy.} {But "
            "<H> had no money{ at all|}.|But what could it be?|<^H> thought and thought.}",
        "\n<^H> <H.went> <L.to>. {On the way, <H.he> met <F.a>.|There <H.he> saw <F.a>.} \"{What are you looking for?|"
            "Where are you going?}\" asked <F>. \"{I need a gift for my <P.n>|I am looking for something pretty for "
            "my <P.n>},\" said <H>. {\"I know a good place,\" said <F>. \"Come with me!\"|\"I can help you,\" said "
            "<F>.}",
        "{They looked <L.hide>, and there they found <X.a>.|<^F> showed <H> the way, past <L.see>. And there was "
            "<X.a>!|They looked for a long time. " LAST ", they found <X.a>.} {\"It is perfect!\" said <H>.|<^H> had "
            "never seen such a " LOVELY " <X>.|\"Just what I wanted!\" cried <H>.}",
        "{<^H> thanked <F> and carried the <X> home with great care.|On the way home, <H> held the <X> very "
            "carefully.|\"" THANKS ", <F.v>!\" <^H> hurried home.}",
        "\n\"This is for you,\" said <H>. {<^P> was so surprised.|<^P> looked at the <X> and smiled.|<^P> had tears "
            "of joy in <P.his> eyes.} {\"It is the best gift of all, because you thought of me,\" <P.he> said.|\"I "
            "love it,\" <P.he> said. \"But I love you even more.\"|\"How kind you are!\" <P.he> said.} {Then they had "
            "a big hug.|Then they sat together and ate cake.|<^H> had never felt so glad.}",
        0}},
    {"treasure|an adventure|a map|pirates", LESSON_FRIEND, ANYONE, IS_WATER, OBJ_JEWEL, true, false, OTHER_NONE, {
        "\n" DAY ", <H> found an old map{ <L.hide>| in a bottle| in a dusty box}. {There was a big red cross on it.|"
            "It showed the way to a treasure.|\"A treasure map!\" <H.he> cried.} <^H> ran to {<H.his> best friend,|"
            "see} <F.a>. \"{Let us find the treasure!|Will you come with me?}\" <^F> {said yes at once|was very "
            "excited|clapped and laughed}.",
        "\n{The map led them <L.to>.|First they had to go <L.to>.} They {went past|saw|passed} <L.see> and counted "
            "{ten|twenty|a hundred} steps. {Then the path was blocked by a big rock. They pushed together until it "
            "rolled away.|Then they had to crawl through a dark hole. They held on to each other.|Then they came to a "
            "stream with no bridge. They laid a log across it.|It began to rain, but they did not turn back.}",
        "\"{Here it is|This must be the place|The cross is here},\" said <F>. {They dug and dug.|They started to dig.|"
            "Both of them dug as fast as they could.} " LAST ", they {hit something hard. It was a box|found an old "
            "box}. Inside, there was <X.a>.",
        "\n\"{It is beautiful|How it shines|We did it}!\" said <H>. {\"But there is only one,\" said <F>. \"Who will "
            "keep it?\"|Then they looked at each other. There was only one <X>.} {<^H> thought for a while. \"We "
            "found it together, so it is for both of us,\" <H.he> said.|\"One day it will be at your home, and one "
            "day at mine,\" said <H>.|\"You keep it,\" said <H>. \"My treasure is a friend like you.\"}",
        "{<^F> " SMILED ".|<^F> was " HAPPY ".} {They sang all the way home.|They walked home under the stars and "
            "talked about the next adventure.|All the way home, they told each other the story again and again.}",
        0}},
    {"a wish|magic|being happy with what you have", LESSON_CONTENT, FAMILY | IS_MAGIC | IS_THING, 0, OBJ_JEWEL, false,
        false, OTHER_NONE, {
        "{But <H> was not happy. <^H.he> always wanted to be {bigger|stronger|somebody else|as tall as a tree}.|But "
            "<H> thought, \"If only I were {bigger|stronger|as big as a house}!\"}",
        "\n" DAY ", <H.he> found <X.a> <L.hide>. {When <H.he> touched it, it began to glow.|It was warm, and it "
            "spoke!} \"{I am magic|I can do magic}. {You have one wish|Make a wish},\" said the <X>. {<^H> did not "
            "think long.|<^H> was so excited that <H.he> did not think.} \"I wish to be {very, very big|the biggest "
            "<H.k> in the world|as big as a hill}!\" <H.he> cried.",
        "{Puff!|Swoosh!|There was a bright light.} <^H> grew and grew{ until <H.he> was as tall as a house| and did "
            "not stop|}. {At first it was fun.|\"Look at me!\" <H.he> shouted.|At first, <H.he> laughed.} {But <H.he> "
            "could not fit into <H.his> home any more.|But when <H.he> wanted to play, all <H.his> friends ran away.|"
            "But <H.he> could not play hide and seek, because everyone could see <H.him>.} {That night, <H> was cold "
            "and lonely.|<^H> felt very lonely.}",
        "\n\"I do not like this,\" {sobbed|said|cried} <H>. \"I want to be {myself|small|just <H.self>} again.\" "
            "{<^H.he> held the <X> close and made the wish with all <H.his> heart.|The <X> glowed one last time.} "
            "{Puff!|Swoosh!} {<^H> was just the right size again.|Everything was as before.|<^H> was back to normal.}",
        "{<^H.his> friends came out and hugged <H.him>.|<^H> ran home and danced for joy.|How good it felt to be "
            "home!} {\"You are just right the way you are,\" they said.|\"I am just right the way I am,\" said <H>.|"
            "<^H> never wanted to be somebody else again.}",
        0}},
    {"being greedy|eating too much|food", LESSON_GREED, ANYONE, IS_THING, OBJ_FOOD, true, false, OTHER_NONE, {
        "{<^H> liked one thing more than anything else, and that was food.|But <H> had one problem. <^H.he> always "
            "wanted more.}",
        "\n" DAY ", there was a {party|feast|big picnic} <L.in>. {Everyone brought something to eat.|All the friends "
            "brought food.} <^F.a> brought <X.a>. {\"This is for everyone,\" said <F>.|\"We will eat it together "
            "later,\" said <F>.} But when nobody was looking, <H> took the <X>. {<^H.he> hid and ate it all up.|"
            "<^H.he> ate and ate until nothing was left.|One bite, two bites, three bites, and it was gone.}",
        "\n" SOON ", <H.his> tummy began to hurt. \"Ow, ow, ow!\" {cried|moaned} <H>. {<^H.he> could not run. <^H.he> "
            "could not dance.|<^H.he> had to lie down while the others played.} {\"Where is the <X>?\" everyone "
            "asked.|Then <F> came and said, \"The <X> is gone! Did you see it?\"}",
        "{<^H> turned red.|<^H> looked at the ground.} \"I ate it,\" <H.he> said. \"I am sorry. I was greedy.\" {<^F> "
            "sighed.|<^F> looked at <H> for a long time.} \"{Next time, just ask|You could have had a piece|If you "
            "share, there is enough for all}. But thank you for telling the truth,\" said <F>{, and <F.he> brought "
            "<H> a cup of warm tea|}.",
        "\n{The next day, <H> felt better.|When <H> was well again, <H.he> had an idea.} {<^H.he> made a new <X>, "
            "twice as big, and gave everyone a piece.|<^H.he> worked all day to bring something good for everybody.|"
            "<^H.he> collected the best food <H.he> could find and shared it with all.} {This time <H> took the "
            "smallest piece, and it tasted the best.|Everyone ate and laughed together, and <H> was the happiest of "
            "all.|\"This is much better,\" said <H>.}",
        0}},
    {"a contest|a prize|winning and losing", LESSON_KIND, ANYONE, IS_THING, OBJ_JEWEL | OBJ_TOY | OBJ_FOOD | OBJ_WEAR,
        true, false, OTHER_ANY, {
        "\n" DAY ", there was a {big contest|great contest} <L.in>. {Everyone could show what they did best.|Everyone "
            "talked about it.} The prize was <X.a>. {<^H> wanted to win it so much!|\"I want to win that <X>,\" said "
            "<H>.|<^H> practiced every day.}",
        "{On the big day, <H> was nervous.|The big day came.} {First came <O.a>, and everyone clapped.|First it was "
            "the turn of <O.a>.} Next came <F.a>. But <F> {was so nervous that <F.he> could not move|was shaking and "
            "forgot everything|began to cry in front of everybody}. {Somebody laughed.|Nobody knew what to do.}",
        "\n{<^H> could have waited for <H.his> own turn. But <H.he> did not.|<^H> felt sorry for <F>.} <^H.he> went "
            "up and stood beside <F>. \"{Do not be afraid. I am with you|Let us do it together|Just look at me},\" "
            "<H.he> whispered. {Together they sang a song.|Together they danced, and it was so funny that everybody "
            "laughed with them.|Then <F> took a deep breath, and it went well.} {Everyone clapped and cheered.|The "
            "crowd cheered.}",
        "\n{When it was time for the prize, <O> got it.|The prize went to <O>.} {<^H> had not won, but <H.he> did not "
            "mind.|But <H> was not sad.} {\"You helped me when I was afraid,\" said <F>. \"For me, you are the "
            "winner.\"|<^F> hugged <H>. \"I won something better than a prize,\" <F.he> said. \"I won a friend.\"} "
            "{Even <O> came over. \"Come, let us share the <X>,\" said <O>.|And <O> let both of them have a turn with "
            "the <X>.}",
        0}},
    {"planting|a garden|a seed|waiting|patience", LESSON_PATIENT, ANYONE, IS_WATER | IS_FIERCE, 0, true, false,
        OTHER_NONE, {
        "\n" DAY ", {<F.a> gave <H> a tiny seed.|<H> found a tiny seed. <^F.a> told <H.him> what to do with it.} "
            "\"{Put it in the earth and give it water|Plant it, and wait},\" said <F>. \"{Then something wonderful "
            "will happen|You will see}.\"",
        "<^H> planted the seed {<L.in>|in a sunny place|next to <H.his> home}. {<^H.he> gave it water. Then <H.he> "
            "sat down and looked at it.|The next morning, <H.he> ran to look.} {Nothing happened.|There was only "
            "brown earth.} {\"Grow!\" said <H>. \"Grow, grow, grow!\"|\"Why does it not grow?\" asked <H>.|\"It does "
            "not work,\" said <H>.} {\"You must be patient,\" said <F>.|\"Good things take time,\" said <F>.}",
        "\nSo <H> waited. Every day, <H.he> gave the seed {some water and sang it a song|a little water|some water "
            "and told it a story}. {The sun shone. The rain fell.|One day passed, then two, then ten.} {<^H> almost "
            "gave up.|Sometimes <H> wanted to dig it up, but <H.he> did not.}",
        "Then, one morning, there was {a tiny green leaf|something green}! \"{It is growing!|Come and look!}\" "
            "{shouted|cried} <H>. {The plant grew and grew|It grew taller every day}. {" LAST ", it had a big yellow "
            "flower.|By summer, it was taller than <H>, and it was full of red berries.|Soon there was a tall "
            "sunflower that looked at the sun.|In the end, there were sweet strawberries on it.}",
        "\n{<^H> was so proud.|<^H> and <F> sat down next to it.} \"{You were right|I waited, and it was worth it},\" "
            "<H.he> said to <F>. {<^F> " SMILED ". \"You took good care of it,\" <F.he> said.|\"Shall we plant "
            "another one?\" asked <F>. \"Yes!\" said <H>.|They kept the seeds for the next spring.}",
        0}},
    {"baking|cooking|a mess|a surprise", LESSON_FUN, FAMILY | IS_MAGIC | IS_GROWN, IS_WATER, 0, true, false, OTHER_NONE,
        {
        "\n" DAY ", <H> wanted to bake a {big cake|cherry pie|chocolate cake|honey cake}. {It was a surprise for all "
            "<H.his> friends.|<^H.he> had never done it before.} <^F.a> came to help. \"{What do we need?|I love "
            "cakes!}\" said <F>. {They took flour, eggs, milk and sugar.|They put a big bowl on the table.}",
        "{<^H> broke the eggs. One fell on the floor. Splat!|<^H> stirred so fast that the flour flew everywhere.|"
            "<^F> sneezed, and a white cloud of flour filled the air.} {Soon they were white from head to toe.|<^F> "
            "looked like a snowman.|There was dough on the wall, on the floor, and even on <H.his> nose.} {They "
            "laughed so hard that they had to sit down.|\"Oops!\" said <F>, and they both laughed.}",
        "\nThey put {it|everything} in the oven and waited. {It smelled sweet and warm.|A " LOVELY " smell filled the "
            "room.} But {they began to play and forgot the time|they fell asleep in front of the oven}. \"{Oh no, "
            "smoke!|Something smells funny!}\" cried <H>. {One side was black, and the other side was flat.|The cake "
            "was flat and a little bit burned.} <^H> was " SAD ".",
        "{\"Wait,\" said <F>. \"We can cut off the black part and put cream on top.\"|\"It only needs some cream and "
            "berries,\" said <F>.|<^F> tasted a small piece. \"It is crunchy, and I like it!\" <F.he> said.} {So they "
            "did, and it looked funny, but nice.|They worked together until it looked like a little hill of snow.}",
        "\n{" EVENING ", all the friends came.|Then the friends knocked at the door.} {Everyone took a piece.|They "
            "looked at the strange cake.} \"{This is the best cake ever!|It tastes wonderful!|How did you make it?}\" "
            "they said. {<^H> and <F> looked at each other and laughed.|\"It is a secret,\" said <H>, and <F> "
            "laughed.|And soon not one crumb was left.}",
        0}},
};
const size_t story_n_plots_a = ARRAY_LEN(story_plots_a);
