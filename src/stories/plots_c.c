/* Plots, third part: work, play, pride and home. */
#include "base/checked.h"
#include "stories/plots.h"
#include "stories/words.h"

#define ANYONE (IS_ANIMAL | IS_CHILD | IS_GROWN | IS_MAGIC | IS_THING)
#define FAMILY (IS_ANIMAL | IS_CHILD)

const struct plot story_plots_c[] = {
    {"working together|a team|building", LESSON_TEAM, ANYONE, IS_WATER, 0, true, false, OTHER_ANY, {
        "{<^H> liked to do everything alone. \"I do not need help,\" <H.he> always said.|<^H> had two good friends.}",
        "\n" DAY ", the wind blew so hard that {the old bridge fell down|a big tree fell across the path|the roof of "
            "the old barn came down}. {\"How will we get across now?\" everyone asked.|\"Who can fix it?\" everyone "
            "asked.} \"{I can do it|I will fix it},\" said <H>. {<^H.he> pushed and pulled, but nothing moved.|"
            "<^H.he> worked all morning, but it was too heavy.}",
        "{<^F.a> came by. \"I can help you,\" said <F>.|\"You need help,\" said <F.a> who was passing by.} {<^H> "
            "shook <H.his> head, but <H.he> was very tired.|First <H> wanted to say no. Then <H.he> nodded.} {So they "
            "both pushed. It moved a tiny bit.|They tried together. It moved, but only a little.} {\"We need one "
            "more,\" said <F>.|\"Let us call somebody else,\" said <H>.} So they asked <O.a>.",
        "\n{<^O> had a good idea.|\"I have a plan,\" said <O>.} \"{You pull, you push, and I will count|We will use a "
            "long rope and pull all together},\" said <O>. {\"One, two, three!\"|\"Ready? Now!\"} {They pushed and "
            "pulled with all their might.|They all worked at the same time.} {Slowly it moved. Then, with a big "
            "crack, it was done!|It took until evening, but then it was done.} {\"Hurray!\" they shouted.|They "
            "cheered and danced.}",
        "\n\"{Alone I could not do it|I was wrong},\" said <H>. \"{Together we are strong|Together we can do "
            "anything}.\" {They sat down in the shade and shared some food.|Everyone came to thank them.|And they "
            "went on to build something even better: a little house for all three.}",
        0}},
    {"being different|being yourself|being laughed at", LESSON_SELF, ANYONE, IS_WATER, 0, true, false, OTHER_ANY, {
        "But <H> was not like the others. {<^H.he> was the smallest of them all.|<^H.he> had very big ears, and some "
            "of the others laughed.|<^H.he> had a very loud voice.|<^H.he> was slow when all the others were quick.|"
            "<^H.he> had spots where the others had none.} {\"Why am I so different?\" <H.he> often asked.|That made "
            "<H.him> sad.}",
        "\n" DAY ", {the others did not let <H.him> play|some of the others made fun of <H.him>}. \"{You do not look "
            "like us|Go away},\" said <O.a>. {<^H> went away with tears in <H.his> eyes.|<^H> went off alone.} "
            "{<^F.a> found <H.him>.|Only <F.a> came after <H.him>.} \"{Do not listen to them,|I like you as you "
            "are,}\" said <F>. \"{One day they will see how special you are|The world would be dull if we were all "
            "the same}.\"",
        "\n{The next day, there was trouble.|Then something happened.} {<^O> was caught in a place that was hard to "
            "reach.|<^O> got lost in the thick fog.|<^O> fell into a deep hole, and nobody could get to <O.him>.} "
            "{Nobody knew what to do.|The others ran about and could not help.} But <H> {could help, just because "
            "<H.he> was different|did not think twice}. {<^H.he> went where nobody else could go.|<^H.he> did what "
            "nobody else could do.} {Soon <O> was safe.|With the help of <F>, <H.he> got <O> out.}",
        "\n{<^O> looked at the ground.|<^O> was ashamed.} \"{I was mean to you, and you saved me|I am sorry}. {Will "
            "you forgive me|Can we be friends}?\" <O.he> asked. {<^H> smiled. \"Of course,\" <H.he> said.|\"Yes,\" "
            "said <H>, and they shook hands.} {From then on, everyone wanted <H> on their team.|From that day, nobody "
            "laughed at <H> any more.} \"{You see|I told you so},\" said <F>{ with a wink|}.",
        0}},
    {"a new school|the first day of school|a new home", LESSON_FRIEND, IS_CHILD | IS_ANIMAL, IS_WATER, 0, true, true,
        OTHER_NONE, {
        "\n{It was <H>'s first day at school.|Today <H> had to go to school for the first time.} {<^H> was " SCARED ""
            ".|<^H.his> tummy felt funny.} \"{What if nobody likes me?|I want to stay at home with you,}\" <H.he> "
            "said to <P>. {<^P> gave <H.him> a hug.|<^P> smiled.} \"{Everyone is a little afraid on the first day|"
            "Just be yourself},\" <P.he> said.",
        "{At school, everything was big and new.|There were so many new faces!} {<^H> sat down in the last row.|<^H> "
            "did not say a word.} {Next to <H.him> sat <F.a>.|Then <H.he> saw <F.a>, all alone in a corner.} <^F> "
            "{looked afraid too|was looking at the floor}. {<^H> thought of what <P> had said.|\"Is it your first day "
            "too?\" asked <H>. <^F> nodded.}",
        "\n{<^H> had <H.food> for lunch. \"Would you like some?\" <H.he> asked.|\"I like your bag,\" said <H>. \"Do "
            "you want to sit with me?\"} {<^F> smiled for the first time that day.|\"Yes, please,\" said <F>.} {At "
            "break, they played tag with the others.|They drew funny pictures together.|The teacher told a funny "
            "story, and they both laughed.} {The time went by so fast!|}",
        "\nWhen <P> came, {<H> did not want to leave|<H> ran to meet <P.him>}. \"{How was it|Did you have a good "
            "day}?\" <P.he> asked. \"{I have a friend|It was wonderful}!\" said <H>. \"{Can I go again tomorrow?|We "
            "played and sang!}\" {<^P> laughed. \"Of course,\" <P.he> said.|<^P> was very glad.} {That night, <H> put "
            "<H.his> bag next to the bed, so that it was ready.|}",
        0}},
    {"being lazy|working hard|winter|getting ready", LESSON_WORK, ANYONE, IS_WATER | IS_THING, 0, true, false,
        OTHER_NONE, {
        "{<^H> liked to play more than to work.|<^H> was a little lazy.} {\"There is still so much time,\" <H.he> "
            "liked to say.|All summer long, <H.he> slept and played.}",
        "\n" DAY " in {autumn|the fall}, <F.a> was working hard. {<^F> carried food home, again and again.|<^F> was "
            "filling <F.his> home with good things for the winter.} \"{Come and play with me!|Why do you work so "
            "much?}\" {called|said} <H>. \"{Winter is coming|Soon it will be cold}. {You should get ready too|There "
            "will be nothing to eat},\" said <F>. But <H> only laughed and {went to sleep in the sun|danced away}.",
        "\n{Then the snow came.|Then it was winter.} {Everything was white and cold.|The wind was icy.} <^H> {looked "
            "for something to eat, but there was nothing|was hungry and cold}. \"{I should have listened|Now I see "
            "that <F> was right},\" <H.he> thought. {<^H.he> went through the deep snow to <F>'s home and knocked.|"
            LAST ", <H.he> knocked at <F>'s door.}",
        "<^F> {opened the door|saw how cold <H> was}. \"{Come in and get warm|You look hungry. Come in},\" <F.he> "
            "said. {They sat by the fire and ate hot soup.|There was enough for two.} \"{I did nothing, and you still "
            "help me,|Why are you so kind to me?}\" said <H>. \"{Because you are my friend. But next year, you must "
            "help|That is what friends do},\" said <F>.",
        "\nWhen spring came, <H> {got up early every day|was the first one to start}. {<^H.he> worked in the morning "
            "and played in the afternoon.|Side by side, they worked, and then they played.} {And the next winter, "
            "there was plenty for both.|It was more fun than sleeping all day.}",
        0}},
    {"playing in the snow|winter|fun", LESSON_FUN, ANYONE, IS_WATER, 0, true, false, OTHER_NONE, {
        "\nOne morning, <H> {woke up|looked outside} and everything was white. \"{Snow!|It is snowing!}\" {<^H.he> "
            "ran out at once.|<^H> could not believe <H.his> eyes.} {The snow was soft and cold.|Little flakes danced "
            "in the air.} {<^H> called <H.his> friend,|Soon <H> met} <F.a>. \"{Come and play|Look at the snow}!\" "
            "said <H>.",
        "{They threw snowballs. One hit <F> right on the nose, and they both laughed.|They slid down the hill again "
            "and again.|They made funny tracks in the snow.} {Then they built a snowman. It had a carrot for a nose "
            "and two stones for eyes.|Then they rolled a big ball of snow. It grew and grew, until it was taller than "
            "they were.} \"{He looks cold|He needs something},\" said <F>. {So <H> gave him an old hat.|So they gave "
            "him a red scarf.}",
        "\n{But the next day, the sun was warm.|Some days later, it got warm.} {The snowman got smaller and smaller.|"
            "Drip, drip, drip went the snowman.} {<^H> was " SAD ". \"Please do not go,\" <H.he> said.|\"He is going "
            "away!\" cried <H>.} {\"He is not gone,\" said <F>. \"He is water now. He will make the flowers grow.\"|"
            "\"Next winter, we will make a new one,\" said <F>.}",
        "\n{And so it was. In spring, a small white flower grew where the snowman had been.|They kept the hat, so "
            "that they would not forget him.} {<^H> smiled. \"Hello again, friend,\" <H.he> said.|\"See you next "
            "winter!\" said <H>.}",
        0}},
    {"a rainy day|rain|fun|being bored", LESSON_FUN, ANYONE, IS_WATER | IS_THING, 0, true, false, OTHER_NONE, {
        "\nOne day, it rained and rained. {<^H> wanted to go out, but everything was wet.|<^H> looked at the rain. "
            "Drip, drop, drip, drop.} \"{I am so bored|There is nothing to do|This is a bad day},\" said <H>. {Then "
            "<F.a> came in, wet from head to toe.|There was a knock at the door. It was <F.a>.} {\"Why do you look so "
            "grumpy?\" asked <F>.|<^F> was laughing. \"What a fine day!\" <F.he> said.}",
        "\"{I cannot play in the rain|It is raining, and I cannot play},\" said <H>. \"{Of course you can!|Who says "
            "so?} {Come with me|Let me show you},\" said <F>. {They went out and jumped into the first puddle. "
            "Splash!|First they caught raindrops on their tongues.} {They made little boats out of leaves and let "
            "them race in the stream.|They slid in the mud until they were brown all over.|They danced in the rain "
            "and sang a silly song.} {\"Again!\" shouted <H>.|<^H> laughed and laughed.}",
        "\n{When they were cold, they went inside.|After that, they went in to get dry.} {They had hot soup and told "
            "stories.|They built a tent out of blankets and told stories.|They put a blanket around them and listened "
            "to the rain on the roof.} {" SOON ", the sun came out, and there was a rainbow.|It was so cozy that <H> "
            "did not want it to stop raining.}",
        "\n\"{I was wrong. Rain is fun|It was a wonderful day},\" said <H>. {\"Every day can be good,\" said <F>. "
            "\"You just have to look for the fun in it.\"|<^F> " SMILED
            ". \"I told you,\" <F.he> said.|The next time it rained, <H> was the first one outside.}",
        0}},
    {"listening|not listening|going too far|danger", LESSON_LISTEN, FAMILY, IS_FIERCE, 0, true, true, OTHER_NONE, {
        "\n" DAY ", <P> said, \"{You may play, but do not go too far.|Stay close to home, and do not talk to "
            "strangers.|Do not go near the deep water.}\" \"{Yes, yes|I know},\" said <H>. But {<H> was not really "
            "listening|soon <H> forgot those words}. {<^H.he> saw <L.see>, and a bit farther there was something even "
            "better.|<^H.he> wanted to know what was on the other side.} {<^H.he> went on, farther and farther.|So "
            "off <H.he> went.}",
        "\n" SUDDEN ", {the ground was soft and <H.he> began to sink|<H.he> slipped and fell|everything around "
            "<H.him> was strange}. {<^H.he> could not get out.|<^H.he> could not get back.} \"Help!\" cried <H>. {At "
            "first, nobody came.|Nobody heard <H.him>.} \"{I should have listened to my <P.n>|If only I had stayed "
            "close to home},\" <H.he> {sobbed|thought}.",
        "{Luckily, <F.a> was nearby.|Then <F.a> heard <H.him>.} {\"Hold on to this!\" said <F>, and <F.he> held out a "
            "long branch.|\"Do not move! I am coming,\" said <F>.} <^H> {held on as well as <H.he> could|did what <F> "
            "told <H.him>}, and <F> pulled. {\"You are safe now,\" said <F>.|With one last pull, <H> was safe.} {<^F> "
            "took <H> all the way home.|Then <F> showed <H.him> the way home.}",
        "\n{<^P> was waiting at the door.|<^P> had been so worried.} \"I am sorry,\" said <H>. \"{I did not listen|"
            "You were right}.\" {<^P> held <H.him> tight. \"I am only glad that you are back,\" <P.he> said.|<^P> "
            "thanked <F> with all <P.his> heart.} {After that, <H> always listened when <P> spoke.|And <H> kept "
            "<H.his> promise and stayed close to home.}",
        0}},
    {"a talent show|singing|stage fright|being shy", LESSON_BRAVE, ANYONE, IS_WATER, 0, true, false, OTHER_NONE, {
        "<^H> had a secret. {<^H.he> could sing, but only when nobody was listening.|<^H.he> could sing very well, "
            "but <H.he> was too shy to let anybody hear it.|<^H.he> made up songs, but <H.he> never sang them for "
            "others.}",
        "\n" DAY ", <F.a> {heard <H.him> by chance|was passing by and heard the song}. \"{That was beautiful|You have "
            "such a " LOVELY " voice}! {You must sing at the festival,|Will you sing for everyone?}\" said <F>. \"{Oh "
            "no|No, no}. I cannot. {What if they laugh?|My legs will shake,}\" said <H>. \"{I will stand next to you|"
            "I will be in the first row},\" said <F>. {<^H> thought about it all night.|\"I will think about it,\" "
            "said <H>.}",
        "\n{Then the big night came.|On the night of the festival, everyone was there.} {<^H> stood in front of all "
            "the others and looked at so many faces.|It was <H>'s turn.} {<^H> opened <H.his> mouth, but nothing came "
            "out.|<^H.his> legs were shaking, and <H.his> mouth was dry.} Then <H.he> saw <F>, who {smiled and nodded|"
            "gave <H.him> a wink}. {<^H> closed <H.his> eyes and thought of <H.his> favorite place.|<^H> took one "
            "deep breath.} {Then, very softly, <H.he> began.|And then <H.he> sang.}",
        "\n{Everyone listened. Even the wind was quiet.|Nobody made a sound.} {When the song was over, there was a "
            "long silence. Then everybody clapped and clapped.|At the end, they all stood up and cheered.} {\"More, "
            "more!\" they called.|\"Sing it again!\" they shouted.} <^H> {was red with joy|was so glad that <H.he> "
            "laughed out loud}. {\"You see?\" said <F>. \"I knew you could do it.\"|\"" THANKS
            " for believing in me,\" <H.he> said to <F>.}",
        0}},
    {"a grumpy neighbor|kindness|being angry", LESSON_KIND, ANYONE, 0, 0, false, false, OTHER_FIERCE, {
        "Not far from <H> lived <O.a>. {<^O> was always grumpy.|Nobody liked <O>, because <O.he> shouted at "
            "everyone.} \"{Go away|Be quiet}!\" <O.he> {always said|shouted every day}. {Everyone stayed away from "
            "<O.him>.|The others were " SCARED " of <O.him>.}",
        "\n" DAY ", <H> {wondered why <O> was so angry|had an idea}. \"{Maybe <O.he> is just lonely|Perhaps nobody "
            "was ever nice to <O.him>},\" <H.he> thought. {So <H.he> picked some flowers and put them at <O>'s door.|"
            "So <H.he> left some food at <O>'s door.|So <H.he> said, \"Good morning!\" But <O> only growled.} The "
            "next day, <H> {did it again|came again with a friendly word}, and the next day too.",
        "\n{On the fifth day, the door opened.|Then, one morning, <O> was waiting.} {<^H> almost ran away.|<^H.his> "
            "heart beat fast.} \"{Was it you|Are you the one who is so nice to me}?\" asked <O>. <^H> nodded. \"{Why|"
            "Why do you do that}?\" asked <O>. \"{Because everyone needs a friend|I thought that you might be "
            "lonely},\" said <H>. {A big tear rolled down <O>'s face.|<^O> was quiet for a long time.} \"{Nobody ever "
            "asked me to play|It is true. I am very lonely},\" <O.he> said.",
        "\n\"{Then come and play with us|You can be my friend},\" said <H>. {So <O> came. At first, the others hid, "
            "but soon they all played together.|And <O> smiled for the first time in years.} {They found out that <O> "
            "told the funniest stories.|It turned out that <O> was very good at games.|<^O> was strong and helped "
            "everybody.} {And nobody ever called <O.him> grumpy again.|From that day, <O.he> was the kindest neighbor "
            "of all.}",
        0}},
    {"a lie|crying for help|telling lies|honesty", LESSON_HONEST, FAMILY, IS_WATER | IS_FIERCE, 0, true, false,
        OTHER_FIERCE, {
        "{<^H> liked to play tricks.|<^H> thought that it was funny to scare others.}",
        "\n" DAY ", <H> was bored. \"Help! Help! {<^O.a> is coming|I see <O.a>}!\" <H.he> shouted. {<^F.a> came "
            "running as fast as <F.he> could.|Everyone ran to help, and <F.a> was the first.} {But nothing was there. "
            "<^H> laughed and laughed.|\"Where is it?\" asked <F>. <^H> laughed. \"It was only a joke!\" <H.he> "
            "said.} {\"That is not funny,\" said <F>.|<^F> shook <F.his> head and went home.} {The next day, <H> did "
            "it again, and again they came for nothing.|<^H> played the same trick once more.}",
        "\nBut then, one evening, {there was a real growl|something big came out of the shadows}. {It was <O> with "
            "<O.his> big teeth!|There stood <O>, and this time it was no joke.} \"Help! Help!\" cried <H>. {But "
            "nobody came. \"It is only another joke,\" they said.|The others heard it, but they did not believe "
            "<H.him>.} {<^H> ran and ran, and hid in a narrow hole until morning.|<^H> had to hide all night, cold "
            "and afraid, until <O> went away.}",
        "\n{In the morning, <H> went to <F>.|The next day, <H> told <F> everything.} \"{Why did you not come?|I "
            "really needed you,}\" <H.he> said. \"{You lied to us, so we did not believe you|When you lie, nobody "
            "knows when you tell the truth},\" said <F>. <^H> {hung <H.his> head|had tears in <H.his> eyes}. \"I am "
            "sorry. {I will not lie any more|From now on, I will tell the truth},\" <H.he> said. {And <H.he> kept "
            "that promise.|<^F> gave <H.him> a hug. \"Then I will always come,\" <F.he> said.}",
        0}},
    {"cleaning up|a messy room|work", LESSON_WORK, IS_CHILD | IS_ANIMAL | IS_MAGIC, IS_WATER, OBJ_PORTABLE, true, false,
        OTHER_NONE, {
        "<^H> was not very tidy. {<^H.his> things were all over the floor.|<^H.his> home was a big mess.} {\"I will "
            "clean up tomorrow,\" <H.he> always said.|\"I have no time to clean up,\" <H.he> always said.}",
        "\n" DAY ", <F.a> {came to visit|wanted to play}. \"{Bring your <X.r>, and let us go out|Where is your <X.r>? "
            "We need it for our game},\" said <F>. {<^H> looked for the <X>, but <H.he> could not find it.|\"One "
            "moment,\" said <H>, and <H.he> began to look for the <X>.} {<^H.he> looked under old clothes. <^H.he> "
            "looked behind a tower of boxes.|<^H.he> fell over a chair, and a pile of things fell on top of <H.him>.} "
            "\"It must be here somewhere,\" {said|groaned} <H>.",
        "\n{<^F> laughed.|<^F> helped <H.him> up.} \"{You have too much stuff on the floor|In this mess, nobody can "
            "find anything},\" <F.he> said. \"{Let us clean up together. I will make it a game|I will help you, and "
            "we will sing}.\" {The one who picked up more things would win.|They sang while they worked.} {They put "
            "the books here and the boxes there.|They washed, swept and dusted.} {And then, at the very bottom of it "
            "all, they found the <X.r>!|And under the last pile lay the <X.r>!}",
        "\n{The room looked so big and bright!|\"I did not know that my floor was blue!\" said <H>.} {They took the "
            "<X> and played until evening.|Now they had a lot of room to play.} {After that day, <H> cleaned up a "
            "little bit every evening.|\"Every thing has its own place now,\" said <H>{ proudly|}.} {And <H.he> never "
            "had to look for the <X> again.|}",
        0}},
    {"flying|a journey|seeing the world|an adventure", LESSON_CONTENT, ANYONE, 0, 0, true, false, OTHER_ANY, {
        "{But <H> wanted to see the world.|<^H> often looked into the distance and dreamed.} \"{There must be more to "
            "see than <L.see>,|What is behind the far hills?}\" <H.he> said.",
        "\n" DAY ", <H> said goodbye and {set off|<H.went> away}. {<^H.he> took only a little food.|The sun was just "
            "coming up.} {After a while, <H.he> met <F.a>.|On the first day, <H.he> met <F.a>.} \"Where are you "
            "going?\" asked <F>. \"{I want to see the world|I am going to the end of the world},\" said <H>. \"{May I "
            "come too?|I will come with you!}\" said <F>. {So they went on together.|And so there were two of them.}",
        "\nThey {saw many things|traveled for many days}. {They saw a city with lights in every window.|They saw a "
            "waterfall that was as high as a tower.|They saw a field where all the flowers were blue.} {One night, it "
            "was cold, and they kept each other warm.|One day they got lost, but a kind <O.k> showed them the way.|"
            "They met <O.a>, who told them old stories by the fire.} {Every day brought something new.|<^H> had never "
            "been so excited.}",
        "\nBut {one evening|after some time}, <H> became quiet. \"{What is wrong|Are you sad}?\" asked <F>. \"{I miss "
            "my home|I am thinking of home},\" said <H>. {\"Then let us go back,\" said <F>.|\"The best part of a "
            "journey is to come home,\" said <F>.} {So they turned around.|The way back seemed short.} {When <H> saw "
            "<H.his> home again, <H.he> laughed and cried at once.|And there it was, just as before: home.} {<^F> "
            "liked it so much that <F.he> stayed.|\"I have seen the world,\" said <H>. \"And this is the best place "
            "in it.\"}",
        0}},
};
const size_t story_n_plots_c = ARRAY_LEN(story_plots_c);
